package textops_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/textops"
	"seraph/proxy/internal/sip"
)

// invite has what scripts edit.
const invite = `INVITE sip:0123@example.org;x=1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-INVITE
From: "Alice" <sip:alice@example.org>;tag=at
To: <sip:bob@example.org>
Call-ID: call-1
CSeq: 1 INVITE
User-Agent: Old Phone 1.0
Contact: <sip:alice@192.0.2.7:5060;transport=udp>
Allow: INVITE, ACK
Allow: BYE
X-List: a/b/c
Content-Length: 4

v=0
`

// TestSubstitutions: what stands in the lines afterwards.
func TestSubstitutions(t *testing.T) {
	for _, x := range []struct {
		name string
		args []string
		want string // a line; "" for an unchanged message
	}{
		{"subst", []string{`/^User-Agent:.*$/User-Agent: New/`}, "\r\nUser-Agent: New\r\nContact:"},
		{"subst", []string{`/^User-Agent:(.*)$/X-Agent:\1;old\r\nUser-Agent: New/`}, "\r\nX-Agent: Old Phone 1.0;old\r\nUser-Agent: New\r\n"},
		{"subst", []string{`/^user-agent: (old)/\0 and \1/`}, ""},
		{"subst", []string{`/^user-agent: (old)/User-Agent: \1er/i`}, "\r\nUser-Agent: Older Phone 1.0\r\n"},
		{"subst", []string{`#/#\##g`}, "\r\nX-List: a#b#c\r\n"},
		{"subst", []string{`/\//:/`}, "\r\nX-List: a:b/c\r\n"},
		{"subst", []string{`|[/]|\\\t|g`}, "\r\nX-List: a\\\tb\\\tc\r\n"},
		{"subst", []string{`/^Allow: BYE$/X-Call: $ci $$/`}, "\r\nX-Call: call-1 $\r\n"},
		{"subst", []string{`/^X-List:.*/X-URI: \u/`}, "\r\nX-URI: sip:0123@example.org;x=1\r\n"},
		{"subst", []string{`/^X-List:[^b]*b//`}, ""}, // leaves no field, see TestSpoiledMessages for the log
		{"subst", []string{`/\r\nUser-Agent:.*$//`}, "\r\nCSeq: 1 INVITE\r\nContact:"},
		{"subst", []string{`/Allow: INVITE.*BYE/Allow: all/s`}, "\r\nAllow: all\r\nX-List:"},
		{"subst", []string{`/^Allow: INVITE.*BYE/Allow: all/`}, ""},
		{"subst", []string{`/(Old|Old Phone) ?/X /`}, "\r\nUser-Agent: X 1.0\r\n"}, // POSIX: the longest
		{"subst", []string{`/192\.0\.2\.7/203.0.113.5/g`}, "\r\nContact: <sip:alice@203.0.113.5:5060;transport=udp>\r\n"},
		{"subst", []string{`/$/;end/g`}, "\r\nX-List: a/b/c;end\r\nContent-Length:"},
		{"replace", []string{"192\\.0\\.2\\.7", "203.0.113.5"}, "\r\nContact: <sip:alice@203.0.113.5:5060;transport=udp>\r\n"},
		{"replace", []string{"OLD phone", "$rU\\1"}, "\r\nUser-Agent: 0123\\1 1.0\r\n"},
		{"replace", []string{"nothing", "x"}, ""},
		{"replace", []string{"^v=0", "v=1"}, ""}, // the body stays
		{"replace", []string{"INVITE sip:", "BYE sip:"}, ""},
		{"replace_all", []string{"^Allow: ", "X-Allow: "}, "\r\nX-Allow: INVITE, ACK\r\nX-Allow: BYE\r\n"},
		{"search_append", []string{"^Allow:", " MESSAGE,"}, "\r\nAllow: MESSAGE, INVITE, ACK\r\nAllow: BYE\r\n"},
		{"subst_hf", []string{"allow", `/^.*/none/`, "a"}, "\r\nAllow: none\r\nAllow: none\r\n"},
		{"subst_hf", []string{"Allow", `/^.*/none/`, "f"}, "\r\nAllow: none\r\nAllow: BYE\r\n"},
		{"subst_hf", []string{"Allow", `/$/, REFER/`, "l"}, "\r\nAllow: INVITE, ACK\r\nAllow: BYE, REFER\r\n"},
		{"subst_hf", []string{"m", `/;transport=[^;>]*//ig`, "a"}, "\r\nContact: <sip:alice@192.0.2.7:5060>\r\n"},
		{"subst_hf", []string{"X-None", `/a/b/`, "a"}, ""},
	} {
		c := moduletest.Message(t, invite)
		before := moduletest.Headers(c)
		got, out := moduletest.Compile(t, m, x.name, x.args...)(c), moduletest.Headers(c)
		switch {
		case x.want == "" && (got != module.False || out != before):
			t.Errorf("%s(%q) returned %d:\n%s", x.name, x.args, got, out)
		case x.want != "" && (got != module.True || !strings.Contains(out, x.want)):
			t.Errorf("%s(%q) returned %d, want %q in:\n%s", x.name, x.args, got, x.want, out)
		}
		for _, kept := range []string{"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-INVITE\r\n", ">;tag=at", "Call-ID: call-1\r\n", "CSeq: 1 INVITE\r\n", "Content-Length: 4\r\n"} {
			if !strings.Contains(out, kept) {
				t.Errorf("%s(%q): %q is gone:\n%s", x.name, x.args, kept, out)
			}
		}
	}
}

// TestSpoiledMessages: what would be no message any more, or not the router's, stays as it
// was, with the edits made before; the log says so, and not for every message.
func TestSpoiledMessages(t *testing.T) {
	var log bytes.Buffer
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := textops.New(textops.Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }})
	for expr, why := range map[string]string{
		`/^X-List:/X List:/`:                        "malformed header line",
		`/^X-List:.*$/a\nb/`:                        "line does not end in CRLF",
		`/^X-List:.*$/Via: SIP\/2.0\/UDP h/`:        "router's own",
		`/^X-List:.*$/Record-Route: <sip:h;lr>/`:    "router's own",
		`/^X-List:.*$/Content-Length: 9/`:           "bad Content-Length",
		`/^X-List:.*$/\r\n/`:                        "the headers would end elsewhere",
		`/^X-List:.*$/Max-Forwards: 200/`:           "router's own",
		`/^X-List:.*$/X: $hdr(X-Long)/`:             "too long",
		`/z/` + strings.Repeat("y", 100) + `/g`:     "too long",
		`/z/yy/g`:                                   "too many matches",
		`/^X-Long: (.*)$/X-Long: \1\1\1\1\1\1\1\1/`: "too long",
	} {
		lines := []string{"X-List: a", "X-Long: " + strings.Repeat("z", 900)}
		if strings.Contains(why, "too") {
			lines[1] += strings.Repeat("z", 100)
		}
		if strings.Contains(expr, "$hdr") || strings.Contains(expr, `\1\1`) || expr == `/z/yy/g` {
			lines[1] += strings.Repeat("z", 9000)
		}
		log.Reset()
		now = now.Add(time.Minute)
		c := moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y", lines...))
		moduletest.Compile(t, m, "append_hf", "X-Before: 1")(c)
		before := moduletest.Headers(c)
		if got := moduletest.Compile(t, m, "subst", expr)(c); got != module.False || moduletest.Headers(c) != before {
			t.Errorf("%s returned %d:\n%.300s", expr, got, moduletest.Headers(c))
		}
		if !strings.Contains(log.String(), why) {
			t.Errorf("%s: the log says %q, want %s", expr, log.String(), why)
		}
		for range 50 {
			moduletest.Compile(t, m, "subst", expr)(c)
		}
		if n := strings.Count(log.String(), "\n"); n > 10 {
			t.Errorf("%s: %d lines in the log", expr, n)
		}
	}
}

// TestSubstBesideOtherEdits: what is gone already stays gone, and what was added stays.
func TestSubstBesideOtherEdits(t *testing.T) {
	c := moduletest.Message(t, invite)
	moduletest.Compile(t, m, "remove_hf", "X-List")(c)
	moduletest.Compile(t, m, "append_hf", "X-After: 1", "Allow")(c)
	if got := moduletest.Compile(t, m, "replace", "^X-List", "X-Other")(c); got != module.False {
		t.Errorf("a removed line: %d", got)
	}
	if got := moduletest.Compile(t, m, "replace_all", "on", "ON")(c); got != module.True {
		t.Errorf("returned %d", got)
	}
	if got := moduletest.Compile(t, m, "replace", "^Allow", "X")(c); got != module.True {
		t.Errorf("the first untouched place: %d", got)
	}
	out := moduletest.Headers(c)
	for _, want := range []string{"\r\nUser-Agent: Old PhONe 1.0\r\n", "\r\nX: INVITE, ACK\r\nX-After: 1\r\nAllow: BYE\r\n", "\r\nCSeq: 1 INVITE\r\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "X-List") {
		t.Errorf("the removed line is back:\n%s", out)
	}
}

// TestRemoveAfterSubst: remove_hf takes a line with what substitutions have made of it, from its
// beginning or not, and leaves the lines beside it and what was inserted there.
func TestRemoveAfterSubst(t *testing.T) {
	for _, x := range [][]string{
		{"subst", "/^User-Agent:.*$/User-Agent: me/"}, {"subst", "/^User-Agent: /X-Agent: /"}, {"subst", "/1.0$/2.0/"},
		{"replace_all", "old|phone", "my"}, {"search_append", "^User-Agent: ", "my "}, {"subst_hf", "User-Agent", "/^.*$/me/", "a"}, {"append_hf", "X-More: me", "Allow"},
	} {
		c := moduletest.Message(t, invite)
		moduletest.Compile(t, m, "insert_hf", "X-Before: kept", "User-Agent")(c)
		if got := moduletest.Compile(t, m, x[0], x[1:]...)(c); got != module.True {
			t.Fatalf("%q returned %d", x, got)
		}
		if got := moduletest.Compile(t, m, "remove_hf", "User-Agent")(c); got != module.True {
			t.Errorf("after %q remove_hf returned %d", x, got)
		}
		out := moduletest.Headers(c)
		for _, gone := range []string{"Agent", "Phone", "my", "2.0\r\n"} {
			if strings.Contains(out, gone) {
				t.Errorf("after %q there is still %q:\n%s", x, gone, out)
			}
		}
		if lines := "\r\nX-Before: kept\r\n"; !strings.Contains(out, lines) || !strings.Contains(out, "Allow: BYE") {
			t.Errorf("after %q a line beside is gone:\n%s", x, out)
		}
	}
}

// TestSubstOfFromAndTo: who is called sees another caller, and the caller sees in the replies
// what he wrote. A tag stays, and so do both in replies.
func TestSubstOfFromAndTo(t *testing.T) {
	script := &moduletest.Script{}
	r := moduletest.New(t, script)
	from := moduletest.Compile(t, m, "subst", `/^From:(.*)sip:[^@]*@[a-zA-Z0-9.]+(.*)$/f:\1sip:anonymous@anonymous.invalid\2/ig`)
	to := moduletest.Compile(t, m, "subst_hf", "To", `/bob/+49$rU/`, "a")
	tag, again := moduletest.Compile(t, m, "replace", "tag=at", "tag=xx"), moduletest.Compile(t, m, "replace", "^From:.*", "From: <sip:x@y>;tag=at")
	var got []int
	script.Request = func(c *module.Ctx) {
		got = append(got, tag(c), from(c), to(c), again(c))
		if err := c.Relay(); err != nil {
			t.Error(err)
		}
	}
	reply := moduletest.Compile(t, m, "replace_all", "alice|bob", "eve")
	script.Reply = func(c *module.Ctx, _ int) bool {
		got = append(got, reply(c))
		return true
	}
	request := moduletest.Request("INVITE", "sip:123@198.51.100.9")
	sent := moduletest.Find(t, r.Receive("udp:192.0.2.7:5060", request), "INVITE")
	for _, want := range []string{"\r\nf: \"Alice\" <sip:anonymous@anonymous.invalid>;tag=at\r\n", "\r\nTo: <sip:+49123@example.org>\r\n"} {
		if !strings.Contains(sent.Text, want) {
			t.Errorf("sent, want %q:\n%s", want, sent.Text)
		}
	}
	up := moduletest.Find(t, r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, sent, 180)), "SIP/2.0 180")
	for _, want := range []string{"\"Alice\" <sip:alice@example.org>;tag=at\r\n", "<sip:bob@example.org>;tag=bt\r\n"} {
		if !strings.Contains(up.Text, want) {
			t.Errorf("the caller got, want %q:\n%s", want, up.Text)
		}
	}
	if want := []int{module.False, module.True, module.True, module.False}; !slicesEqual(got[:4], want) {
		t.Errorf("returned %v, want %v", got, want)
	}
	long := moduletest.Compile(t, m, "subst_hf", "From", "/alice/"+strings.Repeat("x", 400)+"/", "a")
	script.Request = func(c *module.Ctx) {
		if got := long(c); got != module.False || !strings.Contains(moduletest.Headers(c), "<sip:alice@") {
			t.Errorf("a long From returned %d:\n%s", got, moduletest.Headers(c))
		}
	}
	r.Receive("udp:192.0.2.7:5060", strings.ReplaceAll(request, "call-1", "call-2"))
	answer := moduletest.Message(t, moduletest.Answer(t, sent, 200))
	if got := reply(answer); got != module.False {
		t.Errorf("in a reply: %d\n%s", got, moduletest.Headers(answer))
	}
}

func slicesEqual(a, b []int) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// TestSubstURI: the Request-URI and its user. What lookup has found stays for another user and
// goes for another place.
func TestSubstURI(t *testing.T) {
	for _, x := range []struct {
		name, expr, uri, want string
		found                 bool
	}{
		{"subst_uri", `/^sip:([0-9]+)@([^;]*)(.*)$/sip:3463\1@\2\3/i`, "sip:0123@example.org;x=1", "sip:34630123@example.org;x=1", true},
		{"subst_uri", `/^sip:([0-9]+)@(.*)$/sip:\1@$si/i`, "sip:0123@example.org", "", true}, // $si is none here
		{"subst_uri", `/@.*/@gw.example.net/`, "sip:0123@example.org", "sip:0123@gw.example.net", false},
		{"subst_uri", `/;.*$//`, "sip:0123@example.org;transport=tcp", "sip:0123@example.org", false},
		{"subst_uri", `/0/ 0/`, "sip:0123@example.org", "", true},
		{"subst_uri", `/^sip:.*$//`, "sip:0123@example.org", "", true},
		{"subst_uri", `/nothing/x/`, "sip:0123@example.org", "", true},
		{"subst_uri", `/^SIP:/tel:/`, "sip:0123@example.org", "", true},
		{"subst_user", `/3642$/3645/`, "sip:99993642@example.org:5070;x=1", "sip:99993645@example.org:5070;x=1", true},
		{"subst_user", `/^0([1-9].*)/+49\1/`, "sip:0123@example.org", "sip:+49123@example.org", true},
		{"subst_user", `/[0-9]/\0\0/g`, "sip:0123@example.org", "sip:00112233@example.org", true},
		{"subst_user", `/^$/bob/`, "sip:example.org", "sip:bob@example.org", true},
		{"subst_user", `/1/@evil.example;/`, "sip:0123@example.org", "", true},
		{"subst_user", `/1/2/`, "sip:0123:pw@example.org", "sip:0223:pw@example.org", true},
		{"subst_user", `/.*//`, "sip:0123:pw@example.org", "sip:example.org", true},
		{"subst_user", `/5/6/`, "sip:0123@example.org", "", true},
		{"subst_user", `/1/2/`, "tel:0123", "", true},
	} {
		c := moduletest.Message(t, moduletest.Request("INVITE", x.uri))
		c.Main.Next = []byte("sip:198.51.100.9")
		got := moduletest.Compile(t, m, x.name, x.expr)(c)
		want, result := x.want, module.True
		if want == "" {
			want, result = x.uri, module.False
		}
		if got != result || string(c.Main.URI) != want || (c.Main.Next != nil) != x.found {
			t.Errorf("%s(%s) of %s returned %d: %s, next hop %q", x.name, x.expr, x.uri, got, c.Main.URI, c.Main.Next)
		}
	}
}

// TestSubstURIKeepsUsersWord: what is left of a place that a user has named is not the script's.
func TestSubstURIKeepsUsersWord(t *testing.T) {
	for expr, want := range map[string]bool{`/;.*$//`: true, `/^sip:[^@]*@/sip:9@/`: true, `/:5070/:5080/`: true, `/@.*/@gw.example.net/`: false} {
		c := moduletest.Message(t, moduletest.Request("INVITE", "sip:0123@192.0.2.10:5070;transport=tcp"))
		c.Main.Given = true
		if moduletest.Compile(t, m, "subst_uri", expr)(c) != module.True || c.Main.UsersWord() != want {
			t.Errorf("after %s: %s, a user's word: %v, want %v", expr, c.Main.URI, c.Main.UsersWord(), want)
		}
	}
}

// TestBadSubstitutions: each is refused when the script is read.
func TestBadSubstitutions(t *testing.T) {
	for text, want := range map[string]string{
		"":            `"" is no substitution such as`,
		"a":           `"a" is no substitution such as`,
		`\a\b\`:       "is no substitution such as",
		"/a":          `the regular expression does not end: a second "/" is missing`,
		"/a/b":        `the replacement does not end: a third "/" is missing`,
		`/a/b\/`:      `the replacement does not end: a third "/" is missing`,
		"/a/b/x":      `"x" is no flag: there are i (case does not matter), g (all matches) and s`,
		"/(/b/":       "bad regular expression: error parsing regexp: missing closing )",
		"/[[.a.]]/b/": "bad regular expression: collating elements",
		`/(a)/\2/`:    `the replacement has \2, and the regular expression 1 groups`,
		`/a/\z/`:      `the replacement has \z: there are \0 to \9, \u, \r, \n, \t and \\`,
		"/a/$nope/":   "there is no variable $nope",
	} {
		for _, call := range [][]string{{"subst", text}, {"subst_uri", text}, {"subst_user", text}, {"subst_hf", "Allow", text, "a"}} {
			if got := moduletest.Refused(t, m, call[0], call[1:]...); !strings.Contains(got, want) {
				t.Errorf("%q: %s, want %s", call, got, want)
			}
		}
	}
	for _, x := range []struct{ name, a, b, want string }{
		{"replace", "(", "x", "bad regular expression"},
		{"replace_all", "x", "$nope", "there is no variable $nope"},
		{"search_append", "*", "x", "bad regular expression"},
	} {
		if got := moduletest.Refused(t, m, x.name, x.a, x.b); !strings.Contains(got, x.want) {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
	}
	for _, x := range [][4]string{
		{"Via", "/a/b/", "a", "Via is the router's own and is not changed"},
		{"l", "/a/b/", "a", "Content-Length is the router's own"},
		{"X Y", "/a/b/", "a", `"X Y" is no name of a header field`},
		{"Allow", "/a/b/", "x", `"x" says nothing of which lines`},
	} {
		if got := moduletest.Refused(t, m, "subst_hf", x[0], x[1], x[2]); !strings.Contains(got, x[3]) {
			t.Errorf("%q: %s", x, got)
		}
	}
}

// FuzzSubst: whatever the message and the expression, and whatever is removed and inserted beside it, what remains is a
// message with the router's own fields, the script's lines, and no field that stood in a value.
func FuzzSubst(f *testing.F) {
	f.Add("X-A: 1\r\nX-B: 2", `/^X-A:(.*)$/X-C:\1/g`, uint32(0))
	f.Add("X-A: 1~:", `/$/\r\n/gs`, uint32(0x10203))
	f.Add("m: <sip:a@b>", `/./\0\0/igs`, uint32(0x80809))
	f.Add("X-A: 1\r\n ~: 2\r\nX-B: ~: 3", `/\r\n *//g`, uint32(0x70707))
	f.Add("X-A: 1\r\nX-B: ~: 3", `/1\r\nX-B: *//s`, uint32(0x80706))
	f.Fuzz(func(t *testing.T, lines, expr string, edits uint32) {
		call, err := moduletest.Func(t, m, "subst").Compile([]module.Arg{{Str: expr, Scope: &module.Scope{}}})
		if err != nil {
			return
		}
		text := strings.Replace(invite, "X-List: a/b/c\n", lines+"\n", 1)
		c := &module.Ctx{Route: module.ReplyRoute}
		c.Msg = &sip.Message{}
		if c.Msg.Parse(moduletest.Wire(text)) != nil {
			return
		}
		tilde := strings.Contains(expr, "~")
		for i := range c.Msg.Headers() {
			tilde = tilde || bytes.Contains(c.Msg.Name(&c.Msg.Headers()[i]), []byte{'~'})
		}
		c.Owner, c.Main.URI = c, c.Msg.RequestURI()
		line := func(n int) *sip.Header {
			list := c.Msg.Headers()
			return &list[int(edits>>n)&0xff%len(list)]
		}
		own := func(n int) {
			h := line(n)
			if at := [...]uint32{h.Start, h.End}[edits>>24&1]; edits != 0 {
				c.Msg.Insert(at, []byte("X-Own: 1\r\n"))
			}
		}
		own(0)
		call(c)
		if h := line(8); edits != 0 && h.ID == sip.HdrOther {
			c.Msg.RemoveLine(h)
		}
		own(16)
		var out sip.Message
		if err := out.ParseOwn([]byte("INVITE sip:x@y SIP/2.0\r\n" + moduletest.Headers(c) + "\r\n" + string(c.Msg.Body()))); err != nil {
			t.Fatalf("%q: %v in\n%s", expr, err, moduletest.Headers(c))
		}
		if !bytes.Equal(out.Body(), c.Msg.Body()) {
			t.Fatalf("%q: the body is %q, was %q", expr, out.Body(), c.Msg.Body())
		}
		found := 0
		for i := range out.Headers() {
			h := &out.Headers()[i]
			if !tilde && bytes.Contains(out.Name(h), []byte{'~'}) {
				t.Fatalf("%q: a value has made a field in\n%s", expr, moduletest.Headers(c))
			}
			if string(out.Buf[h.Start:h.End]) == "X-Own: 1\r\n" {
				found++
			}
		}
		if edits != 0 && found < 2 {
			t.Fatalf("%q: a line of the script is lost in\n%s", expr, moduletest.Headers(c))
		}
		for _, id := range []sip.HeaderID{sip.HdrVia, sip.HdrCallID, sip.HdrCSeq, sip.HdrFrom, sip.HdrTo, sip.HdrRoute, sip.HdrContentLength} {
			if got, want := string(out.HeaderValue(id)), string(c.Msg.HeaderValue(id)); got != want {
				t.Fatalf("%q: %s became %q, was %q", expr, id, got, want)
			}
		}
	})
}

// early has Content-Length before what is changed: its sender chooses the order.
const early = `INVITE sip:123@198.51.100.9 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-INVITE
From: <sip:alice@example.org>;tag=at
To: <sip:bob@example.org>
Call-ID: call-1
CSeq: 1 INVITE
User-Agent: Old Phone
Contact: <sip:alice@192.0.2.7:5060>
Content-Length: 4
Organization: Old

v=0
`

// TestSubstEndsNoHeaders: no empty line comes of a substitution, wherever Content-Length stands: what is
// behind the message's own length would be a message of its sender's for the next hop.
func TestSubstEndsNoHeaders(t *testing.T) {
	for _, x := range [][]string{{"subst", `/^Organization:.*$//`}, {"replace", "^Organization:.*$", "$hdr(X-None)"}, {"subst", `/^Organization:.*$/\r\n/`}} {
		c := moduletest.Message(t, early)
		if got := moduletest.Compile(t, m, x[0], x[1:]...)(c); got != module.False || strings.Contains(moduletest.Headers(c), "\r\n\r\n") {
			t.Errorf("%q returned %d:\n%s", x, got, moduletest.Headers(c))
		}
	}
}

// TestSubstBesideLaterEdits: what is inserted at a line that was substituted stands beside it, and what
// stood there before stays.
func TestSubstBesideLaterEdits(t *testing.T) {
	for _, x := range []struct {
		calls [][]string
		want  string
	}{
		{[][]string{{"subst", `/^User-Agent:.*$/User-Agent: New/`}, {"insert_hf", "X-A: b\r\n", "User-Agent"}}, "User-Agent: New\r\nX-A: b\r\nContact: "},
		{[][]string{{"subst", `/^User-Agent:.*$/User-Agent: New/`}, {"append_hf", "X-A: b\r\n", "CSeq"}}, "CSeq: 1 INVITE\r\nUser-Agent: New\r\nX-A: b\r\nContact: "},
		{[][]string{{"append_hf", "X-A: b\r\n", "CSeq"}, {"subst", `/\r\nUser-Agent:.*$//`}}, "CSeq: 1 INVITE\r\nX-A: b\r\nContact: "},
	} {
		c := moduletest.Message(t, early)
		for _, call := range x.calls {
			moduletest.Compile(t, m, call[0], call[1:]...)(c)
		}
		if got := moduletest.Headers(c); !strings.Contains(got, x.want) || strings.Contains(got, "\r\n\r\n") {
			t.Errorf("%q:\n%s", x.calls, got)
		}
	}
}

// TestSubstOfOne: who replaces one match looks for no other.
func TestSubstOfOne(t *testing.T) {
	c := moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y", "X-Long: "+strings.Repeat("a", 60000)))
	begun := time.Now()
	if got := moduletest.Compile(t, m, "subst_hf", "X-Long", `/a(.*b)?/c/`, "a")(c); got != module.True {
		t.Errorf("returned %d", got)
	}
	if d := time.Since(begun); d > time.Second { // all of them take two, this one milliseconds
		t.Errorf("took %v", d)
	}
}
