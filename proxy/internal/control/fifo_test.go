package control

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pipe is a FIFO of a fake proxy, and where its callers read their replies.
type pipe struct {
	t     *testing.T
	proxy *fakeProxy
	path  string
	dir   string // of the replies
	log   logLines
}

// logLines gives what is logged, a line at a time.
type logLines chan string

func (l logLines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// dropped waits for the log to say why a request was dropped or not answered.
func (p *pipe) dropped(request, why string) {
	p.t.Helper()
	for late := time.After(30 * time.Second); ; {
		select {
		case line := <-p.log:
			if strings.Contains(line, why) {
				return
			}
		case <-late:
			p.t.Fatalf("the log says no %q about %.60q", why, request)
		}
	}
}

// openPipe starts a FIFO that ends with the test.
func openPipe(t *testing.T) *pipe { return openPatient(t, 300*time.Millisecond, 300*time.Millisecond) }

// openPatient is openPipe with the time that the rest of a request may take, and that after which a gap ends
// the drain.
func openPatient(t *testing.T, patience, drain time.Duration) *pipe {
	t.Helper()
	dir := t.TempDir()
	p := &pipe{t: t, proxy: newFakeProxy(), path: filepath.Join(dir, "ctl.fifo"), dir: filepath.Join(dir, "tmp"), log: make(logLines, 100)}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFIFO(start(t, p.proxy.config()), FIFOConfig{Path: p.path, ReplyDir: p.dir, Log: slog.New(slog.NewTextHandler(p.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	f.patience, f.drainTime = patience, drain
	served := make(chan struct{})
	go func() { f.Serve(); close(served) }()
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		<-served
		if _, err := os.Lstat(p.path); err == nil {
			t.Error("the FIFO's file is left")
		}
	})
	return p
}

// write writes to the FIFO as a shell does.
func (p *pipe) write(text string) {
	p.t.Helper()
	f, err := os.OpenFile(p.path, os.O_WRONLY, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// reader makes the caller's pipe; the channel gives all that is written to it.
func (p *pipe) reader(name string) <-chan string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		p.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	// Non-blocking until somebody writes would read as the end: wait for the first byte.
	all := make(chan string, 1)
	go func() {
		defer f.Close()
		var text []byte
		b := make([]byte, 4096)
		for {
			n, err := f.Read(b)
			text = append(text, b[:n]...)
			if err == io.EOF && len(text) == 0 {
				continue // nobody has opened it yet
			}
			if err != nil {
				all <- string(text)
				return
			}
		}
	}()
	return all
}

// call writes a request that names the caller's pipe and returns the reply.
func (p *pipe) call(name, text string) string {
	p.t.Helper()
	reply := p.reader(name)
	p.write(text)
	select {
	case got := <-reply:
		return got
	case <-time.After(10 * time.Second):
		p.t.Fatalf("no reply to %q", text)
		return ""
	}
}

func TestFIFOSpeaksKamailio(t *testing.T) {
	p := openPipe(t)
	for _, tc := range []struct{ name, request, want string }{
		{"array", `{"jsonrpc": "2.0", "method": "ul.lookup", "params": ["location", "bob@example.org"], "reply_name": "array", "id": 7}`, `{
	"jsonrpc":	"2.0",
	"result":	{
		"AoR":	"bob@example.org",
		"Contacts":	[{
				"Contact":	{
					"Address":	"sip:bob@192.0.2.2",
					"Expires":	"permanent",
`},
		{"names", "{\n  \"jsonrpc\": \"2.0\",\n  \"method\": \"ul.rm_contact\",\n \"params\": {\"x\":\"location\",\"y\":\"alice@example.org\",\"z\":\"sip:nobody@192.0.2.1\"}, \"reply_name\": \"names\", \"id\": 8\n}\n",
			"{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"error\":\t{\n\t\t\"code\":\t404,\n\t\t\"message\":\t\"Contact not found\"\n\t},\n\t\"id\":\t8\n}\n"},
		{"noid", `{"method": "no.such", "reply_name": "noid"}`,
			"{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"error\":\t{\n\t\t\"code\":\t500,\n\t\t\"message\":\t\"Method Not Found\"\n\t}\n}\n"},
		{"stats", `{"method": "stats.get_statistics", "params": ["tm:"], "reply_name": "stats", "id": 1}`,
			"{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t[\"tm:current = 3\"],\n\t\"id\":\t1\n}\n"},
		{"unknown", `{"method": "ul.lookup", "params": ["location", "eve@example.org"], "reply_name": "unknown", "id": 2}`,
			"{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"error\":\t{\n\t\t\"code\":\t500,\n\t\t\"message\":\t\"AOR not found in location table\"\n\t},\n\t\"id\":\t2\n}\n"},
		{"bareword", `{"method": "ul.lookup", "params": ["location", 0x1F], "reply_name": "bareword", "id": 3}`, "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"error\":\t{\n\t\t\"code\":\t400,"},
		{"brace", "{\"method\": \"ul.lookup\", \"params\": [\"location\", \"}{\\\"\"], \"reply_name\": \"brace\"}", "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"error\":\t{\n\t\t\"code\":\t400,"},
	} {
		if got := p.call(tc.name, tc.request); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
	// What kamctl ping sends: raw line ends within a string.
	p.call("ping", "{\"method\": \"tm.t_uac_wait_block\", \"params\": [\"OPTIONS\", \"sip:alice@example.org\", \".\", \".\", \"From:sip:d@h\r\nTo:<sip:a@h>\r\n\"], \"reply_name\": \"ping\", \"id\": 1}\n")
	if diff := cmp.Diff("request OPTIONS sip:alice@example.org|From:sip:d@h\r\nTo:<sip:a@h>\r\n|", p.proxy.done[len(p.proxy.done)-1]); diff != "" {
		t.Error(diff)
	}
}

func TestFIFOSpeaksSER(t *testing.T) {
	p := openPipe(t)
	for _, tc := range []struct{ name, request, want, did string }{
		{"uptime", ":uptime:uptime\n\n", "200 ok\nNow: ", ""},
		{"version", ":version:version\n\n", "200 ok\nServer: seraph-proxy 0.1.0\n", ""},
		{"nosuch", ":fly:nosuch\n\n", "500 command 'fly' not available\n", ""},
		{"print", ":print:print\nhello\n\n", "200 ok\nhello\n", ""},
		{"domains", ":domain_reload:domains\n\n", "200 Domain table reloaded\n", "reload"},
		{"domdump", ":domain_dump:domdump\n\n", "200 ok\nexample.net\nexample.org\n", ""},
		{"trusted", ":trusted_reload:trusted\n\n", "500 command 'trusted_reload' not available\n", ""},
		{"few", ":ul_rm:few\nlocation\n\n", "400 ul_rm: 1 parameters, want table, aor\n", ""},
		{"tstats", ":t_stats:tstats\n\n", "200 ok\nCurrent: 3 (0 waiting) Total: 0 (0 local)\nReplied localy: 0\nCompletion status 6xx: 0, 5xx: 0, 4xx: 0, 3xx: 0,2xx: 7\n", ""},
		{"slstats", ":sl_stats:slstats\n\n", "200 ok\n200: 9 202: 0 2xx: 0\n", ""},
		{"ulstats", ":ul_stats:ulstats\n\n", "200 ok\nDomain Registered Expired\n'location' 2 0\n", ""},
		{"show", ":ul_show_contact:show\nlocation\nalice@example.org\n\n", "200 OK\n<sip:alice@192.0.2.1>;q=1.00;expires=3600\n", ""},
		{"shownone", ":ul_show_contact:shownone\nlocation\neve@example.org\n\n", "404 ", ""},
		{"add", ":ul_add:add\nlocation\nalice@example.org\nsip:alice@192.0.2.7\n3600\n1.0\n0\n\n", "200 Added to table\n", "add alice@example.org "},
		{"rm", ":ul_rm:rm\nlocation\nalice@example.org\n\n", "200 user (location, alice@example.org) deleted\n", "rm alice@example.org"},
		{"rmc", ":ul_rm_contact:rmc\nlocation\nalice@example.org\nsip:alice@192.0.2.1\n\n", "200 contact (alice@example.org, sip:alice@192.0.2.1) deleted\n", "rm_contact alice@example.org sip:alice@192.0.2.1"},
		{"rmcnone", ":ul_rm_contact:rmcnone\nlocation\nalice@example.org\nsip:x@192.0.2.1\n\n", "404 ", ""},
		{"dump", ":ul_dump:dump\n\n", "200 OK\n===Domain list===\n", ""},
		{"flush", ":ul_flush:flush\n\n", "200 OK\n", "flush"},
		{"cancel", ":t_uac_cancel:cancel\nc1\n7\n\n", "200 ok\n", ""},
		{"cancelnone", ":t_uac_cancel:cancelnone\nc1\n8\n\n", "481 No such transaction\n", ""},
		{"cancelbad", ":t_uac_cancel:cancelbad\nc1\nx\n\n", "400 Invalid params: cseq: want a number\n", ""},
		{"dlg", ":t_uac_dlg:dlg\nINVITE\nsip:alice@example.org\n.\nFrom: sip:c@!!\nTo: sip:alice@example.org\n.\nv=0\n\no=x\n.\n\n",
			"200 Fine\nsip:alice@192.0.2.1\nsip:alice@192.0.2.1\nRoute: <sip:192.0.2.9;lr>, <sip:192.0.2.8;lr>\nTo: <sip:alice@example.org>;tag=at\nCSeq: 1 INVITE\n",
			"request INVITE sip:alice@example.org|From: sip:c@192.0.2.1:5060\r\nTo: sip:alice@example.org\r\n|v=0\r\n\r\no=x\r\n"},
		{"dlgbad", ":t_uac_dlg:dlgbad\nPRACK\nsip:alice@example.org\n.\nx\n.\n.\n\n", "400 Invalid params: headers: no way\n", ""},
		{"dlghop", ":t_uac_dlg:dlghop\nINVITE\nsip:alice@example.org\nsip:192.0.2.99\nx\n.\n.\n\n", "400 ", ""},
		{"arg", ":arg:arg\n\n", "200 ok\n", ""},
		{"which", ":which:which\n\n", "200 ok\narg\ndomain_dump\n", ""},
	} {
		before := len(p.proxy.done)
		if got := p.call(tc.name, tc.request); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, got, tc.want)
		}
		did := strings.Join(p.proxy.done[before:], "\n")
		if tc.did != "" && !strings.HasPrefix(did, tc.did) {
			t.Errorf("%s: did %q, want %q", tc.name, did, tc.did)
		}
	}
}

// TestFIFOAnswersBroken: who waits for the answer to something that is no request learns that,
// instead of waiting for ever.
func TestFIFOAnswersBroken(t *testing.T) {
	p := openPipe(t)
	for _, tc := range []struct{ name, request, want string }{
		{"quoted", "{\n  \"method\": \"ul.add\",\n  \"params\": [\"location\",\"bob@example.org\",\"sip:\"q\"@192.0.2.1\"],\n  \"reply_name\": \"quoted\",\n  \"id\": 1\n}\n", "request is no JSON"},
		{"oddly", "{\n  \"params\": [\"location\",\"sip:\"q@192.0.2.1\"],\n  \"reply_name\": \"oddly\",\n  \"id\": 1\n}\n", "its end did not come"},
		{"large", "{\"params\": [\"" + strings.Repeat("x", 9<<10) + "\"], \"reply_name\": \"large\"}\n", "over 8192 bytes"},
		{"wrongly", `{"method":["core.version"],"params":["\"reply_name\": \"another\""],"reply_name":"wrongly"}`, "request is no JSON"},
		{"unended", ":ul_rm_contact:unended\nlocation\n", "400 no request: its end did not come"},
		{"nobody", ":t_uac_dlg:nobody\nMESSAGE\nsip:alice@example.org\n.\nFrom: sip:c@!!\nTo: sip:alice@example.org\n\n", "400 no request: its end did not come"},
	} {
		another := p.reader("another")
		got := p.call(tc.name, tc.request)
		if !strings.Contains(got, tc.want) || !strings.Contains(got, "400") {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
		select {
		case got := <-another:
			t.Errorf("%s: somebody else got %q", tc.name, got)
		default:
		}
		if err := os.Remove(filepath.Join(p.dir, "another")); err != nil {
			t.Error(err)
		}
	}
	if len(p.proxy.done) != 0 {
		t.Errorf("done: %q", p.proxy.done)
	}
}

// TestFIFOForgives: blanks and CRs at the ends of lines, capitals in a command's name and a
// missing empty line at the end mean what they meant to SER.
func TestFIFOForgives(t *testing.T) {
	p := openPipe(t)
	const sent = "request INVITE sip:alice@example.org|From: sip:c@192.0.2.1:5060\r\nTo: sip:alice@example.org\r\n|"
	for _, tc := range []struct{ name, request, want, did string }{
		{"crlf", ":ul_show_contact:crlf\r\nlocation\r\nalice@example.org \t\r\n\r\n", "200 OK\n<sip:alice@192.0.2.1>", ""},
		{"capitals", ":UL_Show_Contact:capitals \nlocation \nalice@example.org\n\n", "200 OK\n<sip:alice@192.0.2.1>", ""},
		{"noend", ":ul_show_contact:noend\nlocation\nalice@example.org\n", "200 OK\n<sip:alice@192.0.2.1>", ""},
		{"noparams", ":version:noparams\n", "200 ok\nServer: ", ""},
		{"short", ":ul_add:short\nlocation\nalice@example.org\nsip:alice@192.0.2.7\n3600\n1.0\n", "200 Added to table\n", "add alice@example.org "},
		{"unknown", ":t_hash:unknown\n", "500 command 't_hash' not available\n", ""},
		{"eof", ":no_such:eof\nEOF\n\n", "500 command 'no_such' not available\n", ""},
		{"two", ":version:\n:version:two\n\n", "200 ok\nServer: ", ""},
		{"method", ":t_uac_dlg:method\nINVITE \nsip:alice@example.org\t\n. \nFrom: sip:c@!! \nTo: sip:alice@example.org\n. \nv=0 \n.\n", "200 Fine\n", sent + "v=0 \r\n"},
		{"blank", ":t_uac_dlg:blank\nINVITE\nsip:alice@example.org\n.\nFrom: sip:c@!!\nTo: sip:alice@example.org\n  \nhello\n.\n\n", "200 Fine\n", sent + "hello\r\n"},
		{"form", ":t_uac_dlg:form\nINVITE\nsip:alice@example.org\n.\nFrom: sip:c@!!\nTo: sip:alice@example.org\n.\nhi\r\n.\r\n:ul_flush:\r\n\r\n.\n\n", "200 Fine\n", sent + "hi\r\n.\r\n:ul_flush:\r\n\r\n"},
		{"dos", ":t_uac_dlg:dos\r\nINVITE\r\nsip:alice@example.org\r\n.\r\nFrom: sip:c@!!\r\nTo: sip:alice@example.org\r\n.\r\nhi\r\n.\r\n\r\n", "200 Fine\n", sent + "hi\r\n"},
		{"dot", ":t_uac_dlg:dot\nINVITE\nsip:alice@example.org\n.\nFrom: sip:c@!!\nTo: sip:alice@example.org\n.\n. \n:ul_flush:\n\n.\n\n", "200 Fine\n", sent + ". \r\n:ul_flush:\r\n\r\n"},
	} {
		before := len(p.proxy.done)
		if got := p.call(tc.name, tc.request); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
		if did := strings.Join(p.proxy.done[before:], "\n"); !strings.HasPrefix(did, tc.did) || tc.did == "" && did != "" {
			t.Errorf("%s: did %q, want %q", tc.name, did, tc.did)
		}
	}
}

// TestFIFOSurvives: garbage, a request without end and one that is too long are
// dropped, and the next one is served; nothing is written where it must not.
func TestFIFOSurvives(t *testing.T) {
	p := openPipe(t)
	victim := filepath.Join(p.dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(p.dir, "link")); err != nil {
		t.Fatal(err)
	}
	const notAllowed, dropped = "a character that is not allowed", "request dropped"
	for _, tc := range []struct{ text, why string }{
		{"garbage\n", dropped}, {`{"method":["core.version"]}`, "request is no JSON"},
		{`{"method":"core.version","reply_name":"../victim"}`, notAllowed}, {`{"method":"core.version","reply_name":"victim"}`, "no FIFO of its own"},
		{`{"method":"core.version","reply_name":"link"}`, "reply not delivered"}, {`{"method":"x"y","reply_name":"link"}`, "reply not delivered"},
		{`{"method":"x"y","reply_name":"../victim"}`, notAllowed}, {":version:../victim\n\n", notAllowed}, {":\n\n", dropped}, {":version\n\n", dropped},
		{"{\"a\":\"" + strings.Repeat("x", 9000) + "\"}\n", dropped}, {":no_such:\n" + strings.Repeat("line\n", 300) + "\n", dropped},
		{":ul_rm:\n" + strings.Repeat("line\n", 300) + "\n", dropped}, {":ul_add:" + strings.Repeat("y", 5000) + "\n\n", dropped}, {"{\"method\":", dropped},
	} {
		p.write(tc.text)
		p.dropped(tc.text, tc.why)
	}
	if got := p.call("after", ":version:after\n\n"); got != "200 ok\nServer: seraph-proxy 0.1.0\n" {
		t.Errorf("after the garbage: %q", got)
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
		t.Errorf("the victim holds %q, %v", text, err)
	}
}

// longRequests are requests that are too long, of each kind.
func longRequests() map[string]string {
	return map[string]string{
		"an object": `{"method":"core.version","params":["` + strings.Repeat("x", 9<<10) + `"],"reply_name":"nobody"}` + "\n",
		"a line":    ":ul_add:" + strings.Repeat("y", 5000) + "\n\n",
		"lines":     ":no_such:\n" + strings.Repeat("line\n", 300) + ":ul_flush:\n\n",
		"a body": ":t_uac_dlg:\nMESSAGE\nsip:alice@example.org\n.\nFrom: sip:c@!!\nTo: sip:alice@example.org\n.\n" +
			strings.Repeat("hello\n", 3000) + ":ul_flush:\n\n.\n\n",
	}
}

// floodHead begins a request within the limits that somebody has filled with what would be commands, were
// its beginning not read.
const floodHead = ":t_uac_dlg:\nMESSAGE\nsip:alice@example.org\n.\nFrom: sip:c@!!\nTo: sip:alice@example.org\n.\n"

// floods writes such requests until stop is closed, with a pause after each. Without one the pipe has no gap,
// and one in a hundred is that long one.
func (p *pipe) floods(long string, pause time.Duration, stop <-chan struct{}) (ended <-chan struct{}) {
	done := make(chan struct{})
	f, err := os.OpenFile(p.path, os.O_WRONLY, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(done)
		defer f.Close()
		for i := 0; ; i++ {
			text := floodHead + strings.Repeat(":ul_flush:\n\n", 500) + ".\n\n"
			if pause == 0 && i%100 == 99 { // should this writer have slept, and left a gap
				text = long
			}
			if _, err := f.WriteString(text); err != nil {
				p.t.Error(err)
				return
			}
			select {
			case <-stop:
				return
			case <-time.After(pause):
			}
		}
	}()
	return done
}

// bubblePipe is a fifoSource of a synctest bubble: what is written to it is read at once.
type bubblePipe struct {
	net.Conn
	bursts
}

// Read is pipeEnd's.
func (p *bubblePipe) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.took(n, len(b))
	return n, err
}

// commands are those of the requests that are read from what write writes, in a bubble; the last one must be the version
// that write asks for when the pipe has been quiet.
func commands(t *testing.T, drainTime time.Duration, write func(out net.Conn)) (list []string) {
	t.Helper()
	in, out := net.Pipe()
	r := readFIFO(&bubblePipe{Conn: in}, time.Minute, drainTime, func(time.Duration, int) {})
	go func() {
		defer out.Close()
		write(out)
		time.Sleep(2 * drainStalled)
		_, _ = io.WriteString(out, ":version:after\n\n")
	}()
	for {
		q, err := r.next()
		switch {
		case err == nil:
			list = append(list, q.command)
			continue
		case errors.Is(err, errFIFOFraming):
			continue
		case !errors.Is(err, io.EOF):
			t.Error(err)
		}
		break
	}
	if len(list) == 0 || list[len(list)-1] != "version" {
		t.Fatalf("what came after the text is not served: %d requests", len(list))
	}
	return list
}

// TestFIFOTextInPieces: a program that writes its text in pieces has none of its lines carried out, while others
// have the pipe drained, unless it pauses for drainGap: only then nobody can tell its lines from commands.
func TestFIFOTextInPieces(t *testing.T) {
	const drainTime = 100 * time.Millisecond
	for _, tc := range []struct {
		name  string
		pause time.Duration
		run   bool // lines of the text are taken for commands
	}{
		{"at once", 0, false},
		{"below the gap", drainGap - time.Millisecond, false},
		{"above the gap", drainGap + time.Millisecond, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lines := commands(t, drainTime, func(out net.Conn) { writeInPieces(out, tc.pause) })
				if run := slices.Contains(lines, "ul_flush"); run != tc.run {
					t.Errorf("lines of the text are taken for commands: %v, want %v", run, tc.run)
				}
			})
		})
	}
}

// TestFIFOHalfAWrite: where a text that is too long has filled the pipe, and the rest of it waits for a processor, that is
// no command, whoever writes a little meanwhile. It is one after drainStalled only.
func TestFIFOHalfAWrite(t *testing.T) {
	for _, tc := range []struct {
		name   string
		pause  time.Duration
		others time.Duration // somebody writes a request of his own so often; 0: nobody does
		run    bool          // lines of the text are taken for commands
	}{
		{"nobody else writes", drainStalled - time.Millisecond, 0, false},
		{"somebody asks once", drainStalled - time.Millisecond, 600 * time.Millisecond, false},
		{"somebody asks at once", drainStalled - time.Millisecond, time.Nanosecond, false},
		{"somebody asks often", drainStalled - time.Millisecond, drainQuiet + time.Millisecond, false},
		{"it takes too long", drainStalled + time.Millisecond, 0, true},
		{"it takes too long, and somebody asks", drainStalled + time.Millisecond, 600 * time.Millisecond, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lines := commands(t, drainTime, func(out net.Conn) {
					_, _ = io.WriteString(out, floodHead+strings.Repeat("hello\n", 10000))
					rest := tc.pause
					for n := 0; n < 9 && tc.others > 0 && rest > tc.others; n++ {
						time.Sleep(tc.others)
						rest -= tc.others
						_, _ = io.WriteString(out, ":version:other\n\n")
					}
					time.Sleep(rest)
					_, _ = io.WriteString(out, strings.Repeat(":ul_flush:\n\n", 300)+".\n\n")
				})
				if run := slices.Contains(lines, "ul_flush"); run != tc.run {
					t.Errorf("lines of the text are taken for commands: %v, want %v", run, tc.run)
				}
			})
		})
	}
}

// writeInPieces writes a request that is too long and three texts within the limits, pausing between their pieces.
func writeInPieces(out net.Conn, pause time.Duration) {
	_, _ = io.WriteString(out, longRequests()["a body"])
	for range 3 {
		for rest := floodHead + strings.Repeat(":ul_flush:\n\n", 600) + ".\n\n"; rest != ""; {
			n, _ := io.WriteString(out, rest[:min(1000, len(rest))])
			rest = rest[n:]
			time.Sleep(pause)
		}
	}
}

// carriedOut fails the test if what stands in a text was.
func (p *pipe) carriedOut() {
	p.t.Helper()
	p.proxy.mu.Lock()
	defer p.proxy.mu.Unlock()
	for _, did := range p.proxy.done {
		if !strings.HasPrefix(did, "request MESSAGE ") {
			p.t.Fatalf("done: %.80q", did)
		}
	}
}

// TestFIFODrainEnds: after a request that is too long the pipe serves again, however often others write
// meanwhile, and the log says what was dropped. What stands in such a request, or in one of theirs, is
// never carried out.
func TestFIFODrainEnds(t *testing.T) {
	for name, long := range longRequests() {
		t.Run(name, func(t *testing.T) {
			p := openPatient(t, time.Minute, 300*time.Millisecond) // so that no busy machine cuts a text
			p.write(long)
			stop := make(chan struct{})
			ended := p.floods(long, 70*time.Millisecond, stop) // longer than drainGap
			p.dropped(long, "request dropped")
			close(stop)
			<-ended
			if got := p.call("after", ":version:after\n\n"); got != "200 ok\nServer: seraph-proxy 0.1.0\n" {
				t.Errorf("after it: %q", got)
			}
			p.carriedOut()
		})
	}
}

// TestFIFOWithoutGap: who writes without any gap keeps the pipe deaf, which the log says, but gets nothing
// of a text carried out: neither then nor when he stops.
func TestFIFOWithoutGap(t *testing.T) {
	for name, long := range longRequests() {
		t.Run(name, func(t *testing.T) {
			p := openPatient(t, time.Minute, 50*time.Millisecond) // so that no busy machine cuts a text
			p.write(long)
			stop := make(chan struct{})
			ended := p.floods(long, 0, stop)
			for range 3 { // ever more seldom
				p.dropped(long, "write without a gap")
			}
			close(stop)
			<-ended
			p.dropped(long, "request dropped")
			if got := p.call("after", ":version:after\n\n"); got != "200 ok\nServer: seraph-proxy 0.1.0\n" {
				t.Errorf("after it: %q", got)
			}
			p.carriedOut()
		})
	}
}

// TestPipeEnd: only an empty pipe is at its deadline, and only a deadline ends the waiting for it.
func TestPipeEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, end := make([]byte, 4), &pipeEnd{File: f}
	for _, want := range []string{"more", " tha", "n a ", "few", ""} {
		if want == "more" {
			if _, err := f.WriteString("more than a few"); err != nil {
				t.Fatal(err)
			}
			if err := f.SetReadDeadline(past); err != nil {
				t.Fatal(err)
			}
		}
		n, err := end.Read(b)
		if string(b[:n]) != want || errors.Is(err, os.ErrDeadlineExceeded) != (want == "") {
			t.Errorf("read %q, %v, want %q", b[:n], err, want)
		}
	}
	for size, want := range map[int]bool{pipeRoom - 1: false, pipeRoom: true} { // it may have been full
		end = &pipeEnd{File: f}
		if _, err := f.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		for err := error(nil); err == nil; {
			_, err = end.Read(b)
		}
		until := end.halfWritten()
		if until.IsZero() == want {
			t.Errorf("after %d bytes half written until %v", size, until)
		}
		if _, err := f.WriteString("few"); err != nil { // another's, which changes nothing of that
			t.Fatal(err)
		}
		if n, err := end.Read(b); n != 3 || err != nil || !end.halfWritten().Equal(until) {
			t.Errorf("after %d bytes and %d, %v half written until %v, want %v", size, n, err, end.halfWritten(), until)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := end.Read(b); n != 0 || !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %d, %v", n, err)
	}
}

func TestFIFORefusesToOpen(t *testing.T) {
	s := start(t, newFakeProxy().config())
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, dead := filepath.Join(dir, "taken"), filepath.Join(dir, "dead")
	for _, path := range []string{taken, dead} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := os.OpenFile(taken, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for path, want := range map[string]string{
		file: "is no FIFO", taken: "already running", filepath.Join(dir, "no", "such"): "no such file",
	} {
		if _, err := OpenFIFO(s, FIFOConfig{Path: path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	f, err := OpenFIFO(s, FIFOConfig{Path: dead, Mode: 0o620})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(dead); err != nil || info.Mode() != fs.ModeNamedPipe|0o620 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzFIFO(f *testing.F) {
	f.Add([]byte(`{"method":"ul.lookup","params":{"a":"b\n","c":[1,{"d":0x1}]},"reply_name":"x","id":1}`))
	f.Add([]byte("{\"a\":\"\\\"}\"}"))
	f.Add([]byte("{\"reply_name\" : \"a\", \"reply_name\":\"\", \"reply_name\""))
	f.Fuzz(func(t *testing.T, object []byte) {
		out := lenientJSON(object)
		_ = byOrder(out)
		for _, name := range replyNames(object) {
			if name == "" || strings.Contains(name, `"`) {
				t.Errorf("reply_name %q", name)
			}
		}
		_ = appendPretty(nil, []jsonMember{{"result", out}})
	})
}
