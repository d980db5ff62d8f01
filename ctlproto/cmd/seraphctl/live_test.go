package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// counters answers stats.get_statistics as the router does.
func counters(params json.RawMessage) (any, *ctlproto.Error) {
	all := []string{"ctd:active = 0", "tm:current = 3", "tm:total = 12345"}
	var names []string
	if err := json.Unmarshal(params, &names); err != nil {
		return nil, ctlproto.InvalidParam("", err.Error())
	}
	lines := []string{}
	for _, line := range all {
		for _, name := range names {
			key, _, _ := strings.Cut(line, " ")
			if name == "all" || name == key || strings.HasSuffix(name, ":") && strings.HasPrefix(line, name) {
				lines = append(lines, line)
			}
		}
	}
	if len(lines) == 0 && slices.ContainsFunc(names, func(n string) bool { return !strings.HasSuffix(n, ":") }) {
		return nil, ctlproto.Errorf(ctlproto.CodeNotFound, "no statistic %q", names[0])
	}
	return lines, nil
}

func TestStats(t *testing.T) {
	d := emptyDesk(t)
	d.withRouter(map[string]ctltest.Handler{"stats.get_statistics": counters})
	for _, c := range []struct{ args, want string }{
		{"stats", "STATISTIC   VALUE\nctd:active  0\ntm:current  3\ntm:total    12345\n"},
		{"stats tm -q", "tm:current  3\ntm:total    12345\n"},
		{"stats tm: -q", "tm:current  3\ntm:total    12345\n"},
		{"stats tm:total ctd -q", "ctd:active  0\ntm:total    12345\n"},
		{"stats ctd -o json", "{\n  \"ctd:active\": 0\n}\n"},
	} {
		if diff := cmp.Diff(c.want, d.must(strings.Fields(c.args)...)); diff != "" {
			t.Errorf("%s:\n%s", c.args, diff)
		}
	}
	d.refuses(exitFailed, []string{"stats", "tn"}, `there are no statistics of a group "tn"; the groups are: ctd, tm`)
	d.refuses(exitFailed, []string{"stats", "tm:nothing"}, `no statistic "tm:nothing"`)
}

func TestUptimeAndVersion(t *testing.T) {
	d := emptyDesk(t)
	d.refuses(exitUnreachable, []string{"uptime"}, "seraph-proxy is not running: nothing listens on /nonexistent/ctl.sock (--socket names another one)")
	if out := d.must("version"); out != "seraphctl     9.9\nseraph-proxy  not running on /nonexistent/ctl.sock\n" {
		t.Errorf("version without a router: %q", out)
	}
	if out := d.must("version", "-o", "json"); out != "{\n  \"seraphctl\": \"9.9\",\n  \"proxy\": null\n}\n" {
		t.Errorf("version without a router: %q", out)
	}
	d.withRouter(map[string]ctltest.Handler{
		"core.uptime": ctltest.Result(ctlproto.CoreUptime{Now: "Sun Mar  1 12:00:00 2026", UpSince: "Fri Feb 27 10:59:57 2026", Uptime: 2*86400 + 3603}),
	})
	if out := d.must("uptime"); out != "up 2d1h0m3s, since Fri Feb 27 10:59:57 2026 UTC\n" {
		t.Errorf("uptime: %q", out)
	}
	want := "{\n  \"now\": \"Sun Mar  1 12:00:00 2026\",\n  \"up_since\": \"Fri Feb 27 10:59:57 2026\",\n  \"uptime\": 176403\n}\n"
	if diff := cmp.Diff(want, d.must("uptime", "-o", "json")); diff != "" {
		t.Error(diff)
	}
	if out := d.must("version"); out != "seraphctl     9.9\nseraph-proxy  1.2\n" {
		t.Errorf("version: %q", out)
	}
	if out := d.must("version", "-o", "json"); out != "{\n  \"seraphctl\": \"9.9\",\n  \"proxy\": \"1.2\"\n}\n" {
		t.Errorf("version: %q", out)
	}
	if out := d.must("--version"); out != "seraphctl 9.9\n" {
		t.Errorf("--version: %q", out)
	}
}

func TestAnotherRelease(t *testing.T) {
	d := emptyDesk(t)
	d.socket = ctltest.ServeHello(t, ctlproto.Hello{Name: "seraph-proxy", Version: "7.0\x1b[1m", Protocol: 99}, nil).Path
	if out := d.must("version"); !strings.HasSuffix(out, "seraph-proxy  7.0\\x1b[1m (another control protocol: 99, ours is 1)\n") {
		t.Errorf("version: %q", out)
	}
	s := d.refuses(exitUnreachable, []string{"online"}, "speaks version 99 of the control protocol, this program version 1: install the same release of both")
	if strings.Contains(s.errs, "\x1b") {
		t.Errorf("an escape reached the terminal: %q", s.errs)
	}
}

func TestRPC(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{
		"core.version": ctltest.Result("seraph-proxy 1.2\x1b[2J"),
		"ul.lookup":    raw(`{"AoR":"alice@example.org","N":9007199254740993,"Contact":"<sip:a>","Odd":"` + "\u009b" + `"}`),
		"ul.rm":        done,
		"strange":      ctltest.Result(nil),
	})
	for _, c := range []struct {
		name string
		args []string
		call string
		out  string
	}{
		{"a text as it is", []string{"core.version"}, "core.version", "seraph-proxy 1.2\\x1b[2J\n"},
		{"a text as JSON", []string{"core.version", "-o", "json"}, "core.version", "\"seraph-proxy 1.2\\u001b[2J\"\n"},
		{"by order", []string{"ul.lookup", "location", "alice@example.org"}, `ul.lookup ["location","alice@example.org"]`,
			"{\n  \"AoR\": \"alice@example.org\",\n  \"N\": 9007199254740993,\n  \"Contact\": \"<sip:a>\",\n  \"Odd\": \"\\u009b\"\n}\n"},
		{"JSON values", []string{"ul.rm", "1", "-q", "--", "-2.5", "true", "null", `"a b"`, "[1,2]", "007", "a=b;c"}, `ul.rm`, ""},
		{"by name", []string{"ul.rm", "aor=alice@example.org", `n=5`, `s="5"`, "empty="}, `ul.rm {"aor":"alice@example.org","empty":"","n":5,"s":"5"}`, "{}\n"},
		{"an object", []string{"ul.rm", ` {"aor": "x"}`}, `ul.rm {"aor":"x"}`, "{}\n"},
		{"a URI is no name", []string{"ul.rm", "sip:a@b;transport=tcp"}, `ul.rm ["sip:a@b;transport=tcp"]`, "{}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := *d
			d.t = t
			if c.name == "JSON values" {
				d.refuses(exitUsage, append([]string{"rpc"}, c.args...), "parameters by name and by order cannot be mixed: 1 has no name")
				return
			}
			out := d.must(append([]string{"rpc"}, c.args...)...)
			if out != c.out {
				t.Errorf("output:\n%s\nwant\n%s", out, c.out)
			}
			if got := calls(router); got[len(got)-1] != c.call {
				t.Errorf("call %s\nwant %s", got[len(got)-1], c.call)
			}
		})
	}
}

func TestRPCParams(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"1", "-2.5", "true", "null", `"a b"`, "[1,2]", "007", "", "a b", " 5 "}, `[1,-2.5,true,null,"a b",[1,2],"007","","a b",5]`},
		{[]string{`"a=b"`}, `["a=b"]`},
		{[]string{"a==b"}, `{"a":"=b"}`},
		{[]string{"a=x\ny"}, `{"a":"x\ny"}`},
		{[]string{"{}"}, `{}`},
		{[]string{"{}", "{}"}, `[{},{}]`},
		{[]string{"{not json"}, `["{not json"]`},
		{[]string{"<&>"}, `["\u003c\u0026\u003e"]`},
	} {
		got, err := rpcParams(c.args)
		if err != nil || string(got) != c.want {
			t.Errorf("%q: %s, %v, want %s", c.args, got, err, c.want)
		}
	}
}

func TestRPCRefuses(t *testing.T) {
	d := newDesk(t)
	d.refuses(exitUnreachable, []string{"rpc", "core.version"}, "seraph-proxy is not running")
	d.withRouter(map[string]ctltest.Handler{"ul.lookup": ctltest.Refuse(ctlproto.CodeNotFound, "no such\x1b[1m AoR")})
	d.refuses(exitUsage, []string{"rpc"}, "rpc wants a METHOD")
	d.refuses(exitUsage, []string{"rpc", "ul.lookup", "a=1", "a=2"}, "the parameter a is given twice")
	d.refuses(exitUsage, []string{"rpc", "events.subscribe", "ctd"}, "which rpc cannot show")
	d.refuses(exitFailed, []string{"rpc", "ul.lookup", "x"}, `no such\x1b[1m AoR (-32001)`)
	d.refuses(exitFailed, []string{"rpc", "ul.lokup", "x"}, `Method not found: "ul.lokup"`)
}

func TestRPCRecordsWhatItChanges(t *testing.T) {
	d := newDesk(t)
	d.withRouter(map[string]ctltest.Handler{"ul.rm": done, "ul.lookup": done, "domain.reload": done})
	d.must("rpc", "ul.lookup", "location", "alice@example.org")
	d.must("rpc", "domain.reload")
	if got := d.audited(); len(got) != 0 {
		t.Errorf("calls that change nothing are recorded: %v", got)
	}
	d.must("rpc", "ul.rm", "aor=alice@example.org", "password=s3cr3t", `extra={"auth_secret": "s3cr3t", "ha1":"s3cr3t"}`)
	want := []string{`olga|seraphctl|rpc|ul.rm||{"aor":"alice@example.org","extra":{"auth_secret":"***","ha1":"***"},"password":"***"}`}
	if diff := cmp.Diff(want, d.audited()); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}

// TestRPCWaitsForAPhone: the router is told of no end of the waiting where a phone rings, and of
// one everywhere else.
func TestRPCWaitsForAPhone(t *testing.T) {
	for method, limited := range map[string]bool{ctlproto.MethodTmUacWaitBlock: false, ctlproto.MethodCoreVersion: true} {
		d := newDesk(t)
		d.socket = filepath.Join(d.folder, "ctl.sock")
		l, err := net.Listen("unix", d.socket)
		if err != nil {
			t.Fatal(err)
		}
		line := make(chan string, 1)
		go func() {
			defer l.Close()
			nc, err := l.Accept()
			if err != nil {
				line <- err.Error()
				return
			}
			defer nc.Close()
			fmt.Fprintf(nc, `{"jsonrpc":"2.0","method":"hello","params":{"name":"seraph-proxy","version":"1","protocol":%d}}`+"\n", ctlproto.ProtocolVersion)
			request, _ := bufio.NewReader(nc).ReadString('\n')
			line <- request
			fmt.Fprintln(nc, `{"jsonrpc":"2.0","id":1,"result":"done"}`)
		}()
		if out := d.must("rpc", method); out != "done\n" {
			t.Errorf("%s: %q", method, out)
		}
		if request := <-line; strings.Contains(request, `"deadline"`) != limited {
			t.Errorf("%s: sent %s", method, request)
		}
	}
}
