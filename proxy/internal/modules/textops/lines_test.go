package textops_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/sip"
)

// fields are those that the scripts of these tests edit.
var fields = []string{"X-A", "X-B", "User-Agent", "Subject", "Contact", "Allow"}

// expressions have %s for one of the fields. Those of the second list may change any line.
var (
	ofOne = []string{
		`/\r\n%s:.*$//`, `/\r\n%s:.*$//g`, `/\r\n%s:.*$/\r\n%[1]s: new/g`, `/^%s:.*$/%[1]s: new/g`, `/^%s:.*\r\n//g`, `/^%s:.*\r\n/X-N: 1\r\n/`,
		`/^%s: *//`, `/^%s:(.*)$/X-Was:\1/`, `/^%s:(.*)$/%[1]s:\1\r\nX-More:\1/g`, `/^%s: *(.*)$/\1/g`, `/^(%s:.*)$/\1\r\n \1/`, `/^%s:.*(#.*)$/\1/`,
		`/^(%s:.*)$/X-N: 1\r\n\1/`, `/^%s:.*$/%[1]s: $hdr(Subject)/g`, `/^%s:.*$/$hdr(Subject)/`, `/^%s:(.*)one(.*)$/%[1]s:\1two\2/`, `/^%s:.*$//`,
	}
	ofAny = []string{
		`/old/new/g`, `/one\r\n%s: */two /s`, `/ +/_/g`, `/$/;end/g`, `/^ +//g`, `/^[^:]*: //g`, `/\r\n[A-Za-z-]*: */;x/g`, `/^/X/g`,
		`/[a-z]*$//g`, `/(.*)\r\n(.*)/\2\r\n\1/`, `/(.*)\r\n(.*)/\2\r\n\1/g`, `/: /:\r\n /g`, `/\r\n//`, `/\r\n//g`, `/#.*\r\n%s:/;y:/s`, `/one.*old/x/sg`, `/\r/r/g`, `/\n//g`, `/./../g`, `/^((From|To):.*)$/X-N: 1\r\n\1\r\nX-N: 2/g`, `/^(.*\r\n)(From:.*\r\n)(.*)$/\3\r\n\2\1X-N: 1/`, `/^(From|t)o?:.*\r\n//ig`,
	}
)

// line is a header line of a message as its sender has written it, with its end.
type line struct{ name, text string }

// values are a sender's. No name has a tilde, so a line that begins with one of theirs shows.
var values = rapid.Custom(func(t *rapid.T) string {
	parts := rapid.SliceOfN(rapid.SampledFrom([]string{"old", "one", " ", "P~Evil: <sip:x@y>", "Via~: x", "\r\n P~Evil: x", "\r\n \t", ",", "a: b", "new", ":", "\r\n P~E:\r\n one"}), 1, 5)
	return strings.Join(parts.Draw(t, "parts"), "")
})

// foreign is a message, request or answer, whose sender chooses the order.
func foreign(t *rapid.T) (head string, lines []line, body string) {
	lines = []line{
		{"From", "From: <sip:alice@example.org>;tag=at\r\n"}, {"To", "To: <sip:bob@example.org>;tag=bt\r\n"}, {"Call-ID", "Call-ID: call-1\r\n"},
		{"CSeq", "CSeq: 1 INVITE\r\n"}, {"Max-Forwards", "Max-Forwards: 70\r\n"}, {"Via", "Via: SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKb\r\n"},
	}
	if body = rapid.SampledFrom([]string{"", "v=0\r\n", "\r\nINVITE sip:x SIP/2.0\r\n", "a\nb"}).Draw(t, "body"); body != "" || rapid.Bool().Draw(t, "length") {
		lines = append(lines, line{"Content-Length", fmt.Sprintf("Content-Length: %d\r\n", len(body))})
	}
	for _, more := range []line{{"Route", "Route: <sip:192.0.2.9;lr>, <sip:192.0.2.10;lr>\r\n"}, {"Route", "Route: <sip:192.0.2.11;lr>\r\n"}, {"Proxy-Authorization", "Proxy-Authorization: Digest a=b\r\n"}, {"Record-Route", "Record-Route: <sip:h;lr>\r\n"}} {
		if rapid.Bool().Draw(t, more.name) {
			lines = append(lines, more)
		}
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "fields") {
		name := rapid.SampledFrom(fields).Draw(t, "name")
		lines = append(lines, line{name, fmt.Sprintf("%s: %s#%d\r\n", name, values.Draw(t, "value"), i)})
	}
	lines = rapid.Permutation(lines).Draw(t, "order")
	via := line{"Via", rapid.SampledFrom([]string{"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKa;rport\r\n", "v: SIP/2.0/UDP 192.0.2.7:5060\r\n ;rport;branch=z9hG4bKa\r\n"}).Draw(t, "top")}
	first := slices.IndexFunc(lines, func(l line) bool { return l.name == "Via" })
	lines = slices.Insert(lines, rapid.IntRange(0, first).Draw(t, "at"), via)
	return rapid.SampledFrom([]string{"INVITE sip:bob@example.org SIP/2.0\r\n", "SIP/2.0 200 OK\r\n"}).Draw(t, "first"), lines, body
}

// edited is a message in a script, and what the test knows of it.
type edited struct {
	c       *module.Ctx
	lines   []line
	changed map[string]bool // fields that may have changed
	all     bool            // any field may have
	own     []string        // lines that the script has inserted
	renamed bool            // the caller has another name
}

// anonymous is the name.
const anonymous = "<sip:anonymous@anonymous.invalid>;tag=at"

// call calls a function; the fields named may change, all of them for none.
func (e *edited) call(t *rapid.T, may []string, name string, args ...string) int {
	for _, f := range may {
		e.changed[f] = true
	}
	e.all = e.all || len(may) == 0
	var list []module.Arg
	for _, a := range args {
		list = append(list, module.Arg{Str: a, Scope: &module.Scope{}})
	}
	for _, f := range m.Funcs() {
		if f.Name == name {
			call, err := f.Compile(list)
			if err != nil {
				t.Fatalf("%s(%q): %v", name, args, err)
			}
			return call(e.c)
		}
	}
	t.Fatalf("no function %s", name)
	return 0
}

// insert has the script insert a line of its own.
func (e *edited) insert(t *rapid.T) {
	text := fmt.Sprintf("X-Own: %d.", len(e.own))
	e.own = append(e.own, text)
	args := []string{text + "\r\n"}
	if at := rapid.SampledFrom(append([]string{"", "From", "Via", "Route", "Content-Length"}, fields...)).Draw(t, "at"); at != "" {
		args = append(args, at)
	}
	e.call(t, []string{"none"}, rapid.SampledFrom([]string{"append_hf", "insert_hf"}).Draw(t, "how"), args...)
}

// route does to the message what the relay and other modules do.
func (e *edited) route(t *rapid.T) {
	msg := e.c.Msg
	switch what := rapid.IntRange(0, 6).Draw(t, "what"); what {
	case 0, 1:
		h := msg.Header(sip.HdrRoute)
		if h == nil {
			return
		}
		e.changed["Route"] = true
		if what == 0 {
			for ; h != nil; h = msg.Next(h) {
				msg.Delete(h.Start, h.End-h.Start)
			}
			return
		}
		v := msg.Values(sip.HdrRoute)
		v.Next()
		msg.RemoveValue(&v)
	case 2:
		if h := msg.Header(sip.HdrProxyAuthorization); h != nil {
			e.changed["Proxy-Authorization"] = true
			msg.RemoveLine(h)
		}
	case 3:
		if h := msg.Header(sip.HdrMaxForwards); h != nil {
			e.changed["Max-Forwards"] = true
			msg.Replace(h.ValStart, h.ValEnd-h.ValStart, []byte("69"))
		}
	case 4:
		if h := msg.Header(sip.HdrContact); h != nil {
			e.changed["Contact"] = true
			msg.Insert(h.ValEnd, []byte(";alias=x"))
		}
	case 5:
		if h := msg.Header(sip.HdrContact); h != nil {
			e.changed["Contact"] = true
			n := min(3, h.ValEnd-h.ValStart)
			msg.Replace(h.ValEnd-n, n, []byte("host"))
		}
	case 6: // whatever the script has done to the line
		e.renamed, e.changed["From"] = true, true
		msg.ReplaceValue(msg.Header(sip.HdrFrom), []byte(anonymous))
	}
}

// written is the message as it goes out.
func (e *edited) written(t *rapid.T) []byte {
	msg := e.c.Msg
	if !msg.IsRequest {
		b, err := msg.AppendForwardedReply(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := append(msg.AppendRange(nil, 0, msg.HeadersStart()), "Via: SIP/2.0/UDP us\r\n"...)
	b = append(msg.AppendHeaders(b), "\r\n"...)
	return append(b, msg.Body()...)
}

// check looks at the bytes that are written.
func (e *edited) check(t *rapid.T) {
	b := e.written(t)
	var out sip.Message
	if err := out.ParseOwn(b); err != nil {
		t.Fatalf("%v in\n%q", err, b)
	}
	if got, want := string(b[out.HeadersEnd():]), "\r\n"+string(e.c.Msg.Body()); got != want {
		t.Fatalf("behind the headers %q, want %q, in\n%q", got, want, b)
	}
	var got []string
	for i := range out.Headers() {
		h := &out.Headers()[i]
		if strings.Contains(string(out.Name(h)), "~") {
			t.Fatalf("a value has made the field %s in\n%q", out.Name(h), b)
		}
		got = append(got, string(b[h.Start:h.End]))
	}
	if from := string(out.HeaderValue(sip.HdrFrom)); e.renamed && from != anonymous {
		t.Fatalf("From is %q in\n%q", from, b)
	}
	for _, own := range e.own {
		if n := len(slices.DeleteFunc(slices.Clone(got), func(l string) bool { return l != own+"\r\n" })); n != 1 {
			t.Fatalf("the line %q is there %d times in\n%q", own, n, b)
		}
	}
	at, top := 0, true
	for _, l := range e.lines {
		router := slices.Contains([]string{"Via", "Call-ID", "CSeq", "Content-Length", "Max-Forwards", "Record-Route", "Route"}, l.name)
		isTop := top && l.name == "Via"
		if top = top && !isTop; isTop || e.changed[l.name] || e.all && !router { // the top one is marked or taken off
			continue
		}
		i := slices.Index(got[at:], l.text)
		if i < 0 {
			t.Fatalf("the line %q is not at its place in\n%q", l.text, b)
		}
		at += i + 1
	}
}

// TestEditsOfWholeLines: whatever a script substitutes, inserts and removes, and the router beside it, in
// messages with whatever values in whatever order: what is written is one message, with the body
// that was there, each line of the script's and the router's, no line that begins in a
// value of the sender's, and all lines unchanged that the script has not meant.
func TestEditsOfWholeLines(t *testing.T) {
	engine := moduletest.New(t, &moduletest.Script{}).Engine
	rapid.Check(t, func(t *rapid.T) {
		head, lines, body := foreign(t)
		text := head
		for _, l := range lines {
			text += l.text
		}
		c := &module.Ctx{Route: module.RequestRoute}
		c.Msg = &sip.Message{}
		if err := c.Msg.Parse([]byte(text + "\r\n" + body)); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		c.Owner, c.Main.URI, c.Engine = c, c.Msg.RequestURI(), engine
		if !c.Msg.IsRequest {
			c.Route = module.ReplyRoute
		} else if err := c.Msg.MarkReceived(netip.MustParseAddrPort("192.0.2.99:1024"), true); err != nil {
			t.Fatal(err)
		}
		e := &edited{c: c, lines: lines, changed: map[string]bool{}}
		field := func() string { return rapid.SampledFrom(fields).Draw(t, "field") }
		for range rapid.IntRange(1, 6).Draw(t, "edits") {
			switch f := field(); rapid.IntRange(0, 7).Draw(t, "edit") {
			case 0, 1, 2:
				expr := fmt.Sprintf(rapid.SampledFrom(ofOne).Draw(t, "expression")+"%.0[1]s", f)
				first := !e.changed[f] && !e.all && c.Msg.Named(f) != nil
				got := e.call(t, []string{f}, "subst", expr)
				if first && strings.HasSuffix(expr, ":.*$//") && strings.HasPrefix(expr, `/\r`) && got != module.True {
					t.Fatalf("%s returned %d", expr, got)
				}
			case 3:
				e.call(t, nil, "subst", fmt.Sprintf(rapid.SampledFrom(ofAny).Draw(t, "expression")+"%.0[1]s", f))
			case 4:
				e.call(t, []string{f}, "subst_hf", f, rapid.SampledFrom([]string{`/^.*/none/`, `/ +//g`, `/$/, x\r\nX-N: 1/`, `/one/\r\n two/`, `/^/a/`, `/.*//`, `/.*: *//`, `/ .*//`}).Draw(t, "expression"), rapid.SampledFrom([]string{"a", "f", "l"}).Draw(t, "which"))
			case 5:
				e.call(t, []string{f}, "remove_hf", f)
			case 6:
				e.insert(t)
			case 7:
				e.route(t)
			}
		}
		e.check(t)
	})
}

// TestLineEndsOfTwoEdits: a substitution that begins with a line's end, and the removal of the line before or
// behind it.
func TestLineEndsOfTwoEdits(t *testing.T) {
	for with, left := range map[string]string{`/\r\nUser-Agent:.*$//`: "", `/\r\nUser-Agent:.*$/\r\nUser-Agent: New/`: "User-Agent: New\r\n"} {
		for gone, want := range map[string]string{
			"X-Before":   "CSeq: 1 INVITE\r\n" + left + "Contact: ",
			"User-Agent": "CSeq: 1 INVITE\r\nX-Before: 1\r\nContact: ",
			"Contact":    "CSeq: 1 INVITE\r\nX-Before: 1\r\n" + left + "Allow: ",
		} {
			for _, order := range [][2]int{{0, 1}, {1, 0}} {
				c := moduletest.Message(t, strings.Replace(invite, "User-Agent:", "X-Before: 1\nUser-Agent:", 1))
				calls := []module.Call{moduletest.Compile(t, m, "subst", with), moduletest.Compile(t, m, "remove_hf", gone)}
				for _, i := range order {
					calls[i](c)
				}
				if out := moduletest.Headers(c); !strings.Contains(out, want) || strings.Contains(out, "\r\n\r\n") {
					t.Errorf("subst %s, remove_hf %s, %v: want %q in\n%s", with, gone, order, want, out)
				}
			}
		}
	}
}

// TestSenderChoosesTheOrder: wherever the sender has put the line that is substituted, it is found, and what the script inserts there stays.
func TestSenderChoosesTheOrder(t *testing.T) {
	rest := strings.Replace(invite, "User-Agent: Old Phone 1.0\n", "", 1)
	for _, before := range []string{"Via:", "From:", "To:", "Contact:", "Content-Length:"} {
		msg := strings.Replace(rest, "\n"+before, "\nUser-Agent: Old\n phone\n"+before, 1)
		for _, x := range [][2][]string{
			{{"subst", `/\r\nUser-Agent:.*$//`}, {"append_hf", "Privacy: id\r\n", "From"}},
			{{"subst", `/\r\nUser-Agent:.*$//`}, {"insert_hf", "Privacy: id\r\n", strings.TrimSuffix(before, ":")}},
			{{"append_hf", "Privacy: id\r\n", "From"}, {"subst", `/\r\nUser-Agent:.*$//`}},
			{{"insert_hf", "Privacy: id\r\n"}, {"replace", `\r\nuser-agent:.*$`, ""}},
			{{"remove_hf", "X-List"}, {"subst", "/\r\nuser-agent:.*$//i"}},
		} {
			c := moduletest.Message(t, msg)
			for _, call := range x {
				if got := moduletest.Compile(t, m, call[0], call[1:]...)(c); got != module.True {
					t.Errorf("%q before %s returned %d", call, before, got)
				}
			}
			if out := "\r\n" + moduletest.Headers(c); strings.Contains(out, "Old") || strings.Contains(out, "phone") || x[0][0] != "remove_hf" && !strings.Contains(out, "\r\nPrivacy: id\r\n") {
				t.Errorf("%q before %s:\n%s", x, before, out)
			}
		}
	}
}

// TestInsertedInAMatch: what is inserted between two lines that one match has made one stays.
func TestInsertedInAMatch(t *testing.T) {
	c := moduletest.Message(t, invite)
	for _, call := range [][]string{{"subst", `/Old Phone.*Contact: /New /s`}, {"append_hf", "Privacy: id\r\n", "User-Agent"}} {
		if got := moduletest.Compile(t, m, call[0], call[1:]...)(c); got != module.True {
			t.Errorf("%q returned %d", call, got)
		}
	}
	if out := moduletest.Headers(c); !strings.Contains(out, "\r\nUser-Agent: New <sip:alice@192.0.2.7:5060;transport=udp>\r\nPrivacy: id\r\nAllow: ") {
		t.Errorf("wrote:\n%s", out)
	}
}

// TestNoFieldOfAValue: what stood in a value begins no line, whether it is left over, moved or unfolded there.
func TestNoFieldOfAValue(t *testing.T) {
	const evil = "P-Asserted-Identity: <sip:boss@example.org>"
	msg := strings.Replace(invite, "User-Agent: Old Phone 1.0\n", "X-A: one\nUser-Agent: Old "+evil+"\nX-B: a\n "+evil+"\n", 1)
	for _, x := range [][][]string{
		{{"subst", `/one\r\nUser-Agent: Old /two /s`}, {"remove_hf", "X-A"}},
		{{"subst", `/one\r\nUser-Agent: Old /two /s`}, {"subst", `/^X-A.*P-A/P-A/`}},
		{{"subst", `/^User-Agent: Old (.*)$/\1/`}},
		{{"subst", `/^User-Agent: Old //`}},
		{{"subst", `/^User-Agent: (.*)$/User-Agent: x\r\n$hdr(X-B)/`}},
		{{"subst", `/ Old /\r\n/`}},
		{{"subst", `/^ +//g`}},
		{{"subst", `/a *P-/P-/`}, {"subst", `/^X-B: //`}},
		{{"subst_hf", "User-Agent", `/^Old /\r\n/`, "a"}},
		{{"subst_hf", "User-Agent", `/^.*$/$hdr(X-B)/`, "a"}, {"subst", `/^User-Agent: Old P/P/`}},
		{{"subst_hf", "X-B", `/\r\n //`, "a"}, {"replace", `\r\n `, "\r\n"}},
		{{"subst", `/\n //`}},
	} {
		c := moduletest.Message(t, msg)
		var got []int
		for _, call := range x {
			got = append(got, moduletest.Compile(t, m, call[0], call[1:]...)(c))
		}
		if out := moduletest.Headers(c); strings.Contains(out, "\r\nP-") {
			t.Errorf("%q returned %v: the sender has made a field:\n%s", x, got, out)
		}
	}
	c := moduletest.Message(t, strings.Replace(msg, "X-A:", "X-P-Mark:", 1))
	if got := moduletest.Compile(t, m, "subst", `/^X-(P-)/\1/`)(c); got != module.True || !strings.Contains(moduletest.Headers(c), "\r\nP-Mark: one\r\n") {
		t.Errorf("another name for a field returned %d:\n%s", got, moduletest.Headers(c))
	}
}

// TestFoldedLineIsOne: its sender does not choose where it ends.
func TestFoldedLineIsOne(t *testing.T) {
	msg := strings.Replace(invite, "User-Agent: Old Phone 1.0\n", "User-Agent: Old\n\tPhone\n 1.0\n", 1)
	for expr, want := range map[string]string{
		`/^User-Agent:.*$/User-Agent: New/`: "User-Agent: New\r\n",
		`/\r\nUser-Agent:.*$//`:             "",
		`/^User-Agent:(.*)$/X-Agent:\1/`:    "X-Agent: Old  \tPhone   1.0\r\n",
		`/Phone/Fax/`:                       "User-Agent: Old\r\n\tFax\r\n 1.0\r\n",
		`/Phone +1/2/`:                      "User-Agent: Old  \t2.0\r\n",
		`/d P|d +.P/dP/`:                    "User-Agent: OldPhone   1.0\r\n",
	} {
		c := moduletest.Message(t, msg)
		if got := moduletest.Compile(t, m, "subst", expr)(c); got != module.True || !strings.Contains(moduletest.Headers(c), "CSeq: 1 INVITE\r\n"+want+"Contact:") {
			t.Errorf("%s returned %d:\n%q", expr, got, moduletest.Headers(c))
		}
	}
}

// TestSubstBesideTheRelay: the relay takes off a Route that a stranger has put before the line that is
// substituted, and our Via of an answer.
func TestSubstBesideTheRelay(t *testing.T) {
	call, server := moduletest.Compile(t, m, "subst", `/\r\nUser-Agent:.*$//`), moduletest.Compile(t, m, "subst", `/\r\nServer:.*$//`)
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			if got := call(c); got != module.True {
				t.Errorf("returned %d", got)
			}
			if err := c.Relay(); err != nil {
				t.Error(err)
			}
		},
		Reply: func(c *module.Ctx, _ int) bool {
			if got := server(c); got != module.True {
				t.Errorf("of an answer: %d", got)
			}
			return true
		},
	})
	sent := moduletest.Find(t, r.Receive("udp:192.0.2.7:5060", moduletest.Request("INVITE", "sip:123@198.51.100.9", "Route: <sip:192.0.2.77;lr>", "User-Agent: x", "X-After: 1")), "INVITE sip:123@")
	if !strings.HasSuffix(sent.Text, "\r\nCSeq: 1 INVITE\r\nX-After: 1\r\nContent-Length: 0\r\n\r\n") || strings.Count(sent.Text, "\r\n\r\n") != 1 {
		t.Errorf("sent:\n%s", sent.Text)
	}
	answer := moduletest.Answer(t, sent, 200)
	at := strings.Index(answer, "\r\nVia:")
	at += 2 + strings.Index(answer[at+2:], "\r\n")
	up := moduletest.Find(t, r.Receive("udp:198.51.100.9:5060", answer[:at]+"\r\nServer: x"+answer[at:]), "SIP/2.0 200")
	if !strings.HasPrefix(up.Text, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.7:5060") || strings.Count(up.Text, "\r\n\r\n") != 1 || strings.Contains(up.Text, "Server") {
		t.Errorf("the caller got:\n%s", up.Text)
	}
}
