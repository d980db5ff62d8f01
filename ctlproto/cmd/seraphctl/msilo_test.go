package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// stored is message n of alice's silo.
func stored(n int64, body string) ctlproto.MsiloMessage {
	return ctlproto.MsiloMessage{
		ID: n, From: "sip:bob@example.org", FromName: "Bob", To: "sip:alice@example.org", Received: noon.Add(time.Duration(n) * time.Minute),
		Expires: noon.Add(72 * time.Hour), ContentType: "text/plain", Body: []byte(body), CallID: "c",
	}
}

// silo is a router's msilo.list and msilo.rm over a list.
func silo(list []ctlproto.MsiloMessage) map[string]ctltest.Handler {
	return map[string]ctltest.Handler{
		"msilo.list": func(raw json.RawMessage) (any, *ctlproto.Error) {
			var p ctlproto.MsiloListParams
			if err := json.Unmarshal(raw, &p); err != nil {
				return nil, ctlproto.InvalidParam("", err.Error())
			}
			if p.Owner != "alice@example.org" {
				return ctlproto.MsiloListResult{Messages: []ctlproto.MsiloMessage{}}, nil
			}
			page := list[min(p.Offset, len(list)):]
			return ctlproto.MsiloListResult{Messages: page[:min(p.Limit, len(page))], Total: len(list)}, nil
		},
		"msilo.rm": func(raw json.RawMessage) (any, *ctlproto.Error) {
			var p ctlproto.MsiloRmParams
			if err := json.Unmarshal(raw, &p); err != nil {
				return nil, ctlproto.InvalidParam("", err.Error())
			}
			n := 0
			for _, m := range list {
				if slices.Contains(p.IDs, m.ID) {
					n++
				}
			}
			if n == 0 {
				return nil, ctlproto.Errorf(ctlproto.CodeNotFound, "none")
			}
			return ctlproto.MsiloRmResult{Removed: n}, nil
		},
	}
}

func TestMsiloShow(t *testing.T) {
	d := newDesk(t)
	d.add("bob", "x")
	refused, tried, binary := stored(2, "<script>alert(1)</script>\n\x1b[2Jtwo"), stored(3, strings.Repeat("ž", 61)), stored(4, "\x00\x01")
	refused.Refused, refused.LastCode, refused.Read = true, 415, noon
	tried.Attempts, tried.FromName = 3, ""
	binary.ContentType, binary.Attempts, binary.LastCode = "message/cpim", 1, 408
	list := []ctlproto.MsiloMessage{stored(1, "hello"), refused, tried, binary}
	d.withRouter(silo(list))
	want := `ID  RECEIVED (UTC)       FROM                       STATE                                    TEXT
1   2026-03-01 12:01:00  Bob <sip:bob@example.org>  unread                                   hello
2   2026-03-01 12:02:00  Bob <sip:bob@example.org>  read, refused by the phone (415)         <script>alert(1)</script>\n\x1b[2Jtwo
3   2026-03-01 12:03:00  sip:bob@example.org        unread, 3 deliveries failed (no answer)  ` + strings.Repeat("ž", 60) + `…
4   2026-03-01 12:04:00  Bob <sip:bob@example.org>  unread, 1 delivery failed (408)          2 bytes of message/cpim
`
	if diff := cmp.Diff(want, d.must("msilo", "show", "alice")); diff != "" {
		t.Error(diff)
	}
	var got []ctlproto.MsiloMessage
	decode(t, d.must("msilo", "show", "alice", "-o", "json"), &got)
	if diff := cmp.Diff(list, got); diff != "" {
		t.Error(diff)
	}
	if out := d.must("msilo", "show", "bob", "-o", "json"); out != "[]\n" {
		t.Errorf("an empty silo: %q", out)
	}
}

// TestMsiloShowReadsEveryPage: the router gives a hundred at once.
func TestMsiloShowReadsEveryPage(t *testing.T) {
	d := newDesk(t)
	var list []ctlproto.MsiloMessage
	for n := range int64(250) {
		list = append(list, stored(n+1, "x"))
	}
	d.withRouter(silo(list))
	if n := strings.Count(d.must("msilo", "show", "-q", "alice"), "\n"); n != 250 {
		t.Errorf("%d lines, want 250", n)
	}
}

// TestMsiloShowWithoutRouter: the database is read when no router runs.
func TestMsiloShowWithoutRouter(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.exec(`INSERT INTO silo (src_addr, dst_addr, username, domain, inc_time, exp_time, ctype, body, callid)
		VALUES ('sip:bob@example.org', 'sip:alice@example.org', 'alice', 'example.org', 1772366400, 4102444800, 'text/plain', 'from the table', 'c')`)
	if out := d.must("msilo", "show", "-q", "alice"); !strings.Contains(out, "2026-03-01 12:00:00  sip:bob@example.org  unread  from the table\n") {
		t.Errorf("output %q", out)
	}
	d.refuses(exitFailed, []string{"msilo", "show", "zoe"}, "there is no user zoe@example.org")
	d.refuses(exitUnreachable, []string{"--db", "none", "msilo", "show", "alice@example.org"}, "seraph-proxy is not running")
	// A running router knows no messages of a user who does not exist.
	d.withRouter(silo(nil))
	d.refuses(exitFailed, []string{"msilo", "show", "zoe"}, "there is no user zoe@example.org")
	if out := d.must("msilo", "show", "-q", "alice"); out != "" {
		t.Errorf("no messages: %q", out)
	}
	d.must("--db", "none", "msilo", "show", "zoe@example.org") // nobody to ask
}

// TestMsiloWithoutRouterFails: only the router removes.
func TestMsiloWithoutRouterFails(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.refuses(exitUnreachable, []string{"msilo", "rm", "alice", "1"}, "seraph-proxy is not running")
}

func TestMsiloRm(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(silo([]ctlproto.MsiloMessage{stored(1, "a"), stored(2, "b"), stored(3, "c")}))
	if out := d.must("msilo", "rm", "alice", "1", "3", "99"); out != "2 messages of alice@example.org removed\n" {
		t.Errorf("output %q", out)
	}
	if out := d.must("msilo", "rm", "alice", "2", "-o", "json"); out != "{\n  \"address\": \"alice@example.org\",\n  \"removed\": 1\n}\n" {
		t.Errorf("JSON %q", out)
	}
	if out := d.must("msilo", "rm", "alice", "--all"); out != "3 messages of alice@example.org removed\n" {
		t.Errorf("output %q", out)
	}
	got := calls(router)
	if want := `msilo.rm {"owner":"alice@example.org","ids":[1,2,3]}`; got[len(got)-1] != want {
		t.Errorf("last call %s, want %s", got[len(got)-1], want)
	}
	want := []string{"olga|seraphctl|msilo.remove|alice@example.org||2 messages", "olga|seraphctl|msilo.remove|alice@example.org||1 message",
		"olga|seraphctl|msilo.remove|alice@example.org||3 messages"}
	if diff := cmp.Diff(want, d.audited()); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}

func TestMsiloRefuses(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(silo([]ctlproto.MsiloMessage{stored(1, "a")}))
	d.refuses(exitUsage, []string{"msilo"}, "msilo wants one of: dump, rm, show")
	d.refuses(exitUsage, []string{"msilo", "show"}, "msilo show: USER is missing")
	d.refuses(exitUsage, []string{"msilo", "rm"}, "msilo rm: USER is missing")
	d.refuses(exitUsage, []string{"msilo", "rm", "alice"}, "msilo rm: ID is missing; --all removes all messages of alice")
	d.refuses(exitUsage, []string{"msilo", "rm", "alice", "1", "--all"}, "--all and an ID say different things")
	for _, id := range []string{"x", "0", "1.5", "99999999999999999999", "1;2"} {
		d.refuses(exitUsage, []string{"msilo", "rm", "alice", id}, fmt.Sprintf("ID: %q is not the number of a message", id))
	}
	if got := calls(router); len(got) != 0 {
		t.Errorf("calls %v", got)
	}
	d.refuses(exitFailed, []string{"msilo", "rm", "alice", "7"}, "none of these messages is stored for alice@example.org")
	d.refuses(exitFailed, []string{"msilo", "rm", "bob", "--all"}, "no message is stored for bob@example.org")
	d.refuses(exitFailed, []string{"msilo", "dump", "alice"}, "msilo.dump")
	if got := d.audited(); len(got) != 0 {
		t.Errorf("audit %v", got)
	}
}

func TestMsiloDump(t *testing.T) {
	d := newDesk(t)
	d.withRouter(map[string]ctltest.Handler{"msilo.dump": ctltest.Result(ctlproto.MsiloDumpResult{Pending: 2})})
	if out := d.must("msilo", "dump", "alice"); out != "2 messages on the way to alice@example.org\n" {
		t.Errorf("output %q", out)
	}
	if diff := cmp.Diff([]string{"olga|seraphctl|msilo.dump|alice@example.org||"}, d.audited()); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
	d.withRouter(map[string]ctltest.Handler{"msilo.dump": ctltest.Refuse(ctlproto.CodeRefused, "alice@example.org has no phone registered")})
	d.refuses(exitFailed, []string{"msilo", "dump", "alice"}, "alice@example.org has no phone registered")
}
