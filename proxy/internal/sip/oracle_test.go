package sip_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	oracle "github.com/emiago/sipgo/sip"

	"seraph/proxy/internal/sip"
)

// traces are messages as phones of several makes send them.
func traces(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/traces/*.sip")
	if err != nil || len(names) < 10 {
		t.Fatalf("%d traces: %v", len(names), err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".sip")] = text
	}
	return all
}

// TestSipgoAgrees: an independent parser reads the same fields.
func TestSipgoAgrees(t *testing.T) {
	for name, text := range traces(t) {
		t.Run(name, func(t *testing.T) {
			var m sip.Message
			if err := m.Parse(text); err != nil {
				t.Fatal(err)
			}
			theirs, err := oracle.ParseMessage(unfold(text))
			if err != nil {
				t.Fatalf("sipgo: %v", err)
			}
			for _, d := range differences(&m, theirs) {
				t.Error(d)
			}
		})
	}
}

// TestTracesComeOutAsTheyCame: what is indexed and written back is what came.
func TestTracesComeOutAsTheyCame(t *testing.T) {
	for name, text := range traces(t) {
		var m sip.Message
		if err := m.Parse(text); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, d := range roundTrip(&m, text) {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// unfold joins folded lines, which sipgo does not know.
func unfold(text []byte) []byte {
	head, body, _ := bytes.Cut(text, []byte("\r\n\r\n"))
	head = bytes.ReplaceAll(bytes.ReplaceAll(head, []byte("\r\n "), []byte(" ")), []byte("\r\n\t"), []byte(" "))
	return append(append(append([]byte(nil), head...), "\r\n\r\n"...), body...)
}

// roundTrip says what of an accepted message is lost when it is written back.
func roundTrip(m *sip.Message, text []byte) (all []string) {
	if !bytes.HasPrefix(text, m.Buf) {
		all = append(all, "the buffer is not the beginning of what came")
	}
	if got := m.AppendRange(nil, 0, uint32(len(m.Buf))); !bytes.Equal(got, m.Buf) {
		all = append(all, fmt.Sprintf("AppendRange wrote %q", got))
	}
	got := m.AppendHeaders(m.AppendRange(nil, 0, m.HeadersStart()))
	got = append(append(got, "\r\n"...), m.Body()...)
	if !bytes.Equal(got, m.Buf) {
		all = append(all, fmt.Sprintf("headers and body made %q", got))
	}
	var lines []byte
	for i := range m.Headers() {
		h := &m.Headers()[i]
		lines = m.AppendLine(lines, h)
		if len(m.Name(h)) == 0 || bytes.ContainsAny(m.Name(h), " \t\r\n:") {
			all = append(all, fmt.Sprintf("field name %q", m.Name(h)))
		}
	}
	if !bytes.Equal(lines, m.Buf[m.HeadersStart():m.HeadersEnd()]) {
		all = append(all, fmt.Sprintf("the lines one by one made %q", lines))
	}
	return all
}

// differences compares what the two parsers read. Where the two allow different things
// (escapes, quotes within tokens), only what is plain is compared.
func differences(m *sip.Message, theirs oracle.Message) (all []string) {
	say := func(what string, ours, their any) {
		if a, b := fmt.Sprintf("%s", ours), fmt.Sprintf("%s", their); a != b {
			all = append(all, fmt.Sprintf("%s: ours %q, sipgo's %q", what, a, b))
		}
	}
	var from *oracle.FromHeader
	var to *oracle.ToHeader
	var via *oracle.ViaHeader
	var id *oracle.CallIDHeader
	var cseq *oracle.CSeqHeader
	switch x := theirs.(type) {
	case *oracle.Request:
		if !m.IsRequest {
			return []string{"sipgo reads a request"}
		}
		say("method", bytes.ToUpper(m.MethodText()), string(x.Method)) // it knows no lower case
		if u, err := m.URI(); err == nil && u.Scheme == sip.SchemeSIP && plain(u.Raw) {
			say("R-URI host", u.Host, x.Recipient.Host)
			say("R-URI user", u.User, x.Recipient.User)
		}
		from, to, via, id, cseq = x.From(), x.To(), x.Via(), x.CallID(), x.CSeq()
	case *oracle.Response:
		if m.IsRequest {
			return []string{"sipgo reads a response"}
		}
		say("status", fmt.Sprint(m.Status), fmt.Sprint(x.StatusCode))
		say("reason", m.Reason(), x.Reason)
		from, to, via, id, cseq = x.From(), x.To(), x.Via(), x.CallID(), x.CSeq()
	}
	if via == nil || from == nil || to == nil || id == nil || cseq == nil {
		return append(all, fmt.Sprintf("sipgo misses one of %v %v %v %v %v", via, from, to, id, cseq))
	}
	v, err := m.Via()
	if err != nil {
		return append(all, err.Error())
	}
	if top := m.Buf[v.Start:v.End]; plain(top) && plainParams(v.Params) && (!v.More || v.Branch != nil) { // sipgo finds no comma behind a bare host
		say("Via host", bytes.Trim(v.Host, "[]"), via.Host)
		say("Via transport", v.Transport, via.Transport)
		say("Via port", fmt.Sprint(v.Port), fmt.Sprint(via.Port))
		branch, _ := via.Params.Get("branch")
		say("Via branch", v.Branch, strings.TrimSpace(branch))
	}
	say("Call-ID", m.CallID(), string(*id))
	c, err := m.CSeq()
	if err != nil {
		return append(all, err.Error())
	}
	say("CSeq", fmt.Sprint(c.Number, " ", string(c.MethodText)), fmt.Sprint(cseq.SeqNo, " ", string(cseq.MethodName)))
	address := func(what string, id sip.HeaderID, params oracle.HeaderParams, uri oracle.Uri) {
		var a sip.NameAddr
		if err := sip.ParseNameAddr(m.HeaderValue(id), &a); err != nil {
			value := m.HeaderValue(id)
			if name, _, _ := bytes.Cut(value, []byte("<")); bytes.IndexByte(value, ',') < 0 && bytes.IndexByte(name, ':') < 0 {
				say(what, err, "accepted") // the oracle takes lists, and names that look like addresses
			}
			return
		}
		if !plain(a.URI) || !plainParams(a.Params) || bytes.ContainsAny(a.Display, "<>") {
			return
		}
		tag, _ := params.Get("tag")
		say(what+" tag", a.Tag, strings.TrimSpace(tag))
		var u sip.URI
		if sip.ParseURI(a.URI, &u) == nil && u.Scheme == sip.SchemeSIP {
			say(what+" host", u.Host, uri.Host)
			say(what+" user", u.User, uri.User)
		}
	}
	address("From", sip.HdrFrom, from.Params, from.Address)
	address("To", sip.HdrTo, to.Params, to.Address)
	return all
}

// plain reports whether a value has nothing in it that parsers are known to treat
// differently.
func plain(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', bytes.IndexByte([]byte("-.:@;=/ _+[]"), c) >= 0:
		default:
			return false
		}
	}
	return true
}

var params = regexp.MustCompile(`^([a-z-]+(=[A-Za-z0-9.:_-]+)?(;|$))*$`)

// plainParams is plain for parameters: no blanks, lower case, nothing twice.
func plainParams(b []byte) bool {
	seen := map[string]bool{}
	for rest := b; len(rest) > 0; {
		var name []byte
		name, _, rest = sip.NextParam(rest)
		if seen[string(name)] {
			return false
		}
		seen[string(name)] = true
	}
	return params.Match(b)
}
