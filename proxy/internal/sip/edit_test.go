package sip

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const editable = "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 OPTIONS\r\n\r\nbody"

func parsed(t testing.TB, text string) *Message {
	t.Helper()
	m := &Message{}
	if err := m.Parse([]byte(text)); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return m
}

// model applies edits to the bytes from and to as their comments say: a byte is gone if
// any edit covers it; text is gone if another edit's removal begins before it and goes on
// beyond it; of the removals at one offset the first one's text counts, or that of the last one of a line that is not shorter.
func model(buf string, edits []edit, arena []byte, from, to uint32) string {
	inside := func(off uint32) bool {
		for _, e := range edits {
			if e.off < off && off < e.off+e.del {
				return true
			}
		}
		return false
	}
	var out strings.Builder
	for pos := from; pos < to; pos++ {
		if !inside(pos) {
			replaced := false
			for _, e := range edits {
				if e.off != pos || e.del > 0 && replaced {
					continue
				}
				replaced = replaced || e.del > 0
				for _, x := range edits {
					if e.del > 0 && x.line && x.off == pos && x.del >= e.del {
						e = x
					}
				}
				out.Write(arena[e.ins.start:e.ins.end])
			}
		}
		gone := false
		for _, e := range edits {
			gone = gone || e.off <= pos && pos < e.off+e.del
		}
		if !gone {
			out.WriteByte(buf[pos])
		}
	}
	return out.String()
}

// TestEditsAgainstModel: any edits, written whole or in ranges, come out as the model says;
// Rollback and Restore bring back what was.
func TestEditsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &Message{}
		if err := m.Parse([]byte(editable)); err != nil {
			t.Fatal(err)
		}
		end := m.HeadersEnd()
		off := func(name string) uint32 { return uint32(rapid.IntRange(0, int(end)-1).Draw(t, name)) }
		check := func() {
			from, to := off("from"), off("to")
			if from > to {
				from, to = to, from
			}
			if got, want := string(m.AppendRange(nil, from, to)), model(editable, m.edits, m.arena, from, to); got != want {
				t.Fatalf("edits %+v, bytes %d to %d:\ngot  %q\nwant %q", m.edits, from, to, got, want)
			}
		}
		var saved Edits
		var mark Mark
		var atSave, atMark string
		write := func() string { return string(m.AppendHeaders(nil)) }
		m.Save(&saved)
		atSave, atMark, mark = write(), write(), m.Mark()
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				m.Insert(off("at"), []byte("<"), []byte(rapid.StringMatching(`[A-Z]{0,3}`).Draw(t, "text")))
			},
			"replace": func(t *rapid.T) {
				at := off("at")
				m.Replace(at, min(end-at, uint32(rapid.IntRange(0, 12).Draw(t, "n"))), []byte("(R)"))
			},
			"delete": func(t *rapid.T) {
				at := off("at")
				m.Delete(at, min(end-at, uint32(rapid.IntRange(0, 30).Draw(t, "n"))))
			},
			"remove line": func(t *rapid.T) {
				m.RemoveLine(&m.Headers()[rapid.IntRange(0, len(m.Headers())-1).Draw(t, "line")])
			},
			"replace value": func(t *rapid.T) {
				m.ReplaceValue(&m.Headers()[rapid.IntRange(0, len(m.Headers())-1).Draw(t, "line")], []byte("(V"), []byte(")"))
			},
			"replace line": func(t *rapid.T) {
				h := &m.Headers()[rapid.IntRange(0, len(m.Headers())-1).Draw(t, "line")]
				m.Replace(h.Start, min(end-h.Start, h.End-h.Start+uint32(rapid.IntRange(-3, 3).Draw(t, "more"))), []byte("(L)"))
			},
			"mark": func(*rapid.T) { mark, atMark = m.Mark(), write() },
			"rollback": func(t *rapid.T) {
				m.Rollback(mark)
				if got := write(); got != atMark {
					t.Fatalf("after Rollback %q, want %q", got, atMark)
				}
			},
			"save": func(*rapid.T) { m.Save(&saved); atSave = write() },
			"restore": func(t *rapid.T) {
				m.Restore(&saved)
				mark, atMark = m.Mark(), write()
				if atMark != atSave {
					t.Fatalf("after Restore %q, want %q", atMark, atSave)
				}
			},
			"": func(*rapid.T) { check() },
		})
	})
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		name, want string
		edit       func(m *Message)
	}{
		{"nothing", "Via: SIP/2.0/UDP a\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 OPTIONS\r\n", func(*Message) {}},
		{"insertions keep their order", "1 2 Via: SIP/2.0/UDP a\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 OPTIONS\r\n34", func(m *Message) {
			m.Insert(m.HeadersStart(), []byte("1 "))
			m.Insert(m.HeadersEnd(), []byte("3"))
			m.Insert(m.HeadersStart(), []byte("2 "))
			m.Insert(m.HeadersEnd(), []byte("4"))
		}},
		{"removals that overlap", "Via: SIP/2.0/UDP a\r\nCSeq: 1 OPTIONS\r\n", func(m *Message) {
			from, id := m.Header(HdrFrom), m.Header(HdrCallID)
			m.Delete(from.Start, id.Start+3-from.Start)
			m.Delete(id.Start, id.End-id.Start)
		}},
		{"one removed twice, then replaced", "Via: SIP/2.0/UDP a\r\nX: y\r\nTo: <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 OPTIONS\r\n", func(m *Message) {
			h := m.Header(HdrFrom)
			m.Replace(h.Start, h.End-h.Start, []byte("X: y\r\n"))
			m.Delete(h.Start, h.End-h.Start)
			m.Insert(h.Start+2, []byte("lost"))
		}},
		{"a line removed with what it had become", "Via: SIP/2.0/UDP a\r\nX-Before: z\r\nTo: <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 OPTIONS\r\n", func(m *Message) {
			h := m.Header(HdrFrom)
			m.Insert(h.Start, []byte("X-Before: z\r\n"))
			m.Replace(h.Start, h.End-h.Start, []byte("X: y\r\n"))
			m.Replace(h.Start, 4, []byte("X"))
			m.Replace(h.Start+8, 2, []byte("X"))
			m.RemoveLine(h)
			m.Replace(h.Start, 4, []byte("Y"))
		}},
		{"another value in the place of what a line had become", "Via: SIP/2.0/UDP a\r\nX-Before: z\r\nFrom: <sip:e@f>;x\r\nTo: <sip:c@d>\r\nCSeq: 1 OPTIONS\r\n", func(m *Message) {
			h, id := m.Header(HdrFrom), m.Header(HdrCallID)
			m.Replace(h.ValStart, 4, []byte("<tel:"))
			m.Insert(h.Start, []byte("X-Before: z\r\n"))
			m.Replace(h.Start, h.End-h.Start, []byte("f: y\r\n"))
			m.ReplaceValue(h, []byte("<sip:g@h>"))
			m.ReplaceValue(h, []byte("<sip:e@f>"), []byte(";x"))
			m.ReplaceValue(id, []byte("j"))
			m.RemoveLine(id)
		}},
		{"two lines made one stay", "Via: SIP/2.0/UDP a\r\nX: y\r\nCall-ID: i\r\nCSeq: 1 OPTIONS\r\n", func(m *Message) {
			from, to := m.Header(HdrFrom), m.Header(HdrTo)
			m.Replace(from.Start, to.End-from.Start, []byte("X: y\r\n"))
			m.RemoveLine(from)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parsed(t, editable)
			c.edit(m)
			if got := string(m.AppendHeaders(nil)); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestRemoveValue takes one value out of a list, and the line with the last.
// TestRemoved: only bytes that an edit takes away count, not the places where one inserts.
func TestRemoved(t *testing.T) {
	var m Message
	m.Buf = make([]byte, 40)
	m.Insert(5, []byte("x"))
	m.Delete(10, 4)
	m.Replace(20, 1, []byte("y"))
	for _, c := range []struct {
		from, to uint32
		want     bool
	}{{0, 10, false}, {5, 6, false}, {9, 11, true}, {10, 11, true}, {13, 14, true}, {14, 20, false}, {14, 21, true}, {11, 12, true}, {21, 40, false}, {0, 40, true}, {12, 12, true}, {10, 10, false}} {
		if got := m.Removed(c.from, c.to); got != c.want {
			t.Errorf("from %d to %d: %v", c.from, c.to, got)
		}
	}
}

func TestRemoveValue(t *testing.T) {
	for _, c := range []struct{ line, remove, want string }{
		{"Route: <sip:a>, <sip:b>, <sip:c>", "<sip:a>", "Route: <sip:b>, <sip:c>\r\n"},
		{"Route: <sip:a>, <sip:b>, <sip:c>", "<sip:b>", "Route: <sip:a>, <sip:c>\r\n"},
		{"Route: <sip:a>, <sip:b>, <sip:c>", "<sip:c>", "Route: <sip:a>, <sip:b>\r\n"},
		{"Route:<sip:a>", "<sip:a>", ""},
		{"Route: ,<sip:a> , ", "<sip:a>", ""},
		{"Route: <sip:a>,\r\n <sip:b>", "<sip:b>", "Route: <sip:a>\r\n"},
		{"Route: <sip:a,x>, \"q,\" <sip:b>", "<sip:a,x>", "Route: \"q,\" <sip:b>\r\n"},
	} {
		m := parsed(t, strings.Replace(editable, "\r\n\r\n", "\r\n"+c.line+"\r\n\r\n", 1))
		for v := m.Values(HdrRoute); ; {
			x := v.Next()
			if x == nil {
				t.Fatalf("%q is not in %q", c.remove, c.line)
			}
			if string(x) == c.remove {
				m.RemoveValue(&v)
				break
			}
		}
		h := m.Header(HdrRoute)
		if got := string(m.AppendLine(nil, h)); got != c.want {
			t.Errorf("%q without %q is %q, want %q", c.line, c.remove, got, c.want)
		}
	}
}

func TestMarkReceived(t *testing.T) {
	for _, c := range []struct {
		via, src string
		force    bool
		want     string
	}{
		{"SIP/2.0/UDP 192.0.2.1:5060;branch=z", "192.0.2.1:5060", false, "SIP/2.0/UDP 192.0.2.1:5060;branch=z"},
		{"SIP/2.0/UDP 192.0.2.1:5060;branch=z", "192.0.2.1:1024", false, "SIP/2.0/UDP 192.0.2.1:5060;branch=z"},
		{"SIP/2.0/UDP 10.0.0.1;branch=z", "192.0.2.1:9", false, "SIP/2.0/UDP 10.0.0.1;branch=z;received=192.0.2.1"},
		{"SIP/2.0/UDP phone.example.org", "192.0.2.1:9", false, "SIP/2.0/UDP phone.example.org;received=192.0.2.1"},
		{"SIP/2.0/UDP 192.0.2.1;rport;branch=z", "192.0.2.1:9", false, "SIP/2.0/UDP 192.0.2.1;branch=z;received=192.0.2.1;rport=9"},
		{"SIP/2.0/UDP 192.0.2.1;branch=z", "192.0.2.1:9", true, "SIP/2.0/UDP 192.0.2.1;branch=z;received=192.0.2.1;rport=9"},
		{"SIP/2.0/UDP a;received=6.6.6.6;rport=1;branch=z;rport=2;RECEIVED=\"7;7\"", "192.0.2.1:9", false, "SIP/2.0/UDP a;branch=z;received=192.0.2.1;rport=9"},
		{"SIP/2.0/UDP a ; rport ;branch=z , SIP/2.0/UDP b;received=1.1.1.1", "192.0.2.1:9", false, "SIP/2.0/UDP a ;branch=z;received=192.0.2.1;rport=9 , SIP/2.0/UDP b;received=1.1.1.1"},
		{"SIP/2.0/UDP [2001:DB8::1]:5060", "[2001:db8::1]:5060", false, "SIP/2.0/UDP [2001:DB8::1]:5060"},
		{"SIP/2.0/UDP [2001:db8::2]", "[2001:db8::1]:5060", false, "SIP/2.0/UDP [2001:db8::2];received=2001:db8::1"},
		{"SIP/2.0/UDP [fe80::1]", "[fe80::2%eth0]:5060", false, "SIP/2.0/UDP [fe80::1];received=fe80::2"},
		{"SIP/2.0/UDP [fe80::1]", "[fe80::1%2]:5060", false, "SIP/2.0/UDP [fe80::1]"},
	} {
		m := parsed(t, strings.Replace(editable, "SIP/2.0/UDP a", c.via, 1))
		if err := m.MarkReceived(netip.MustParseAddrPort(c.src), c.force); err != nil {
			t.Fatal(err)
		}
		if got := string(m.AppendLine(nil, m.Header(HdrVia))); got != "Via: "+c.want+"\r\n" {
			t.Errorf("%s from %s:\ngot  %swant Via: %s", c.via, c.src, got, c.want)
		}
	}
}

func TestAppendReply(t *testing.T) {
	request := "INVITE sip:x SIP/2.0\r\nv: SIP/2.0/UDP a;rport\r\nRecord-Route: <sip:p>\r\nFrom: <sip:a@b>;tag=f\r\nTo: \"c\" <sip:c@d>%s\r\nVia: SIP/2.0/UDP b\r\nCall-ID: i\r\nTimestamp: 54\r\nCSeq: 1 INVITE\r\nContent-Length: 2\r\n\r\nxy"
	vias := "v: SIP/2.0/UDP a;received=192.0.2.1;rport=9\r\nVia: SIP/2.0/UDP b\r\n"
	for _, c := range []struct {
		tag  string
		rep  Reply
		want string
	}{
		{"", Reply{Status: 100, ToTag: []byte("own")}, "SIP/2.0 100 Trying\r\n" + vias + "From: <sip:a@b>;tag=f\r\nTo: \"c\" <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\nTimestamp: 54\r\nContent-Length: 0\r\n\r\n"},
		{"", Reply{Status: 200, ToTag: []byte("own"), RecordRoute: true, Extra: []byte("Contact: <sip:us>\r\n"), ContentType: "text/plain", Body: []byte("hi")},
			"SIP/2.0 200 OK\r\n" + vias + "Record-Route: <sip:p>\r\nFrom: <sip:a@b>;tag=f\r\nTo: \"c\" <sip:c@d>;tag=own\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\nContact: <sip:us>\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"},
		{";tag=theirs", Reply{Status: 481, Reason: "No such call", ToTag: []byte("own")},
			"SIP/2.0 481 No such call\r\n" + vias + "From: <sip:a@b>;tag=f\r\nTo: \"c\" <sip:c@d>;tag=theirs\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"},
	} {
		m := parsed(t, fmt.Sprintf(request, c.tag))
		if err := m.MarkReceived(netip.MustParseAddrPort("192.0.2.1:9"), false); err != nil {
			t.Fatal(err)
		}
		if got := string(m.AppendReply(nil, &c.rep)); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
	// What a script inserts is for whom the request is sent on to.
	m := parsed(t, fmt.Sprintf(request, ""))
	for i := range m.Headers() {
		m.Insert(m.Headers()[i].Start, []byte("X-Own: 1\r\n"))
	}
	if got := string(m.AppendReply(nil, &Reply{Status: 100, RecordRoute: true})); strings.Contains(got, "X-Own") || !strings.Contains(got, "\r\nTimestamp: 54\r\n") {
		t.Errorf("got %q", got)
	}
	for status, want := range map[int]string{199: "Session Progress", 299: "OK", 399: "Multiple Choices", 499: "Bad Request", 599: "Server Internal Error", 699: "Decline", 486: "Busy Here"} {
		if got := ReasonPhrase(status); got != want {
			t.Errorf("%d %s, want %s", status, got, want)
		}
	}
}

// TestForwardedReply takes the top Via off, wherever it stands, and keeps what a reply
// route has inserted beside it. The version goes on in capital letters.
func TestForwardedReply(t *testing.T) {
	const tail = "From: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\n"
	for _, c := range []struct {
		name, head, want string
		edit             func(m *Message)
	}{
		{"alone", "Via: SIP/2.0/UDP us\r\n", "", nil},
		{"a line each", "Via: SIP/2.0/UDP us\r\nVia: SIP/2.0/UDP a\r\n", "Via: SIP/2.0/UDP a\r\n", nil},
		{"one line", "Via: SIP/2.0/UDP us , SIP/2.0/UDP a,SIP/2.0/UDP b\r\n", "Via:  SIP/2.0/UDP a,SIP/2.0/UDP b\r\n", nil},
		{"not in front", "X: 1\r\nv: SIP/2.0/UDP us;x=\",\"\r\nY: 2\r\nv: SIP/2.0/UDP a\r\n", "X: 1\r\nY: 2\r\nv: SIP/2.0/UDP a\r\n", nil},
		{"inserted before and behind", "Via: SIP/2.0/UDP us\r\nVia: SIP/2.0/UDP a\r\n", "A: 1\r\nB: 2\r\nVia: SIP/2.0/UDP a\r\n", func(m *Message) {
			m.Insert(m.HeadersStart(), []byte("A: 1\r\n"))
			m.Insert(m.Header(HdrVia).End, []byte("B: 2\r\n"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, version := range []string{"SIP/2.0", "sip/2.0", "Sip/2.0"} {
				m := parsed(t, version+" 200 OK\r\n"+c.head+tail+"\r\nbody")
				if c.edit != nil {
					c.edit(m)
				}
				got, err := m.AppendForwardedReply([]byte("before"))
				if want := "beforeSIP/2.0 200 OK\r\n" + c.want + tail + "\r\nbody"; err != nil || string(got) != want {
					t.Errorf("got  %q\nwant %q (%v)", got, want, err)
				}
			}
		})
	}
}

// TestMessageIsUsedAgain: nothing of a message shows in the next one.
func TestMessageIsUsedAgain(t *testing.T) {
	m := parsed(t, strings.Replace(editable, "CSeq", strings.Repeat("Route: <sip:r>\r\n", 60)+"CSeq", 1))
	_, _ = m.URI()
	_, _ = m.FromURI()
	_, _ = m.ToURI()
	m.Insert(m.HeadersEnd(), []byte("X: y\r\n"))
	second := "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP b\r\nFrom: <sip:e@f>;tag=2\r\nTo: <sip:g@h>\r\nCall-ID: j\r\nCSeq: 2 BYE\r\n\r\n"
	if err := m.Parse([]byte(second)); err != nil {
		t.Fatal(err)
	}
	fromURI, _ := m.FromURI()
	toURI, _ := m.ToURI()
	if string(fromURI.Raw) != "sip:e@f" || string(toURI.Raw) != "sip:g@h" {
		t.Errorf("the URIs are %q and %q", fromURI.Raw, toURI.Raw)
	}
	from, _ := m.From()
	if m.IsRequest || m.Method != BYE || m.Header(HdrRoute) != nil || m.Edited() || string(from.Tag) != "2" || len(m.MethodText()) != 0 {
		t.Errorf("something is left: %+v", m)
	}
	if got := m.AppendHeaders(nil); !bytes.HasSuffix([]byte(second), append(got, "\r\n"...)) {
		t.Errorf("wrote %q", got)
	}
	if n := testing.AllocsPerRun(200, func() {
		_ = m.Parse([]byte(nil))
		m.Reset()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestLinesAreReplacedInPlace: each message of a renamed call has other values put into its lines, for
// which nothing is allocated.
func TestLinesAreReplacedInPlace(t *testing.T) {
	var m Message
	text, uri, tag := []byte(editable), []byte("<sip:e@f>"), []byte(";tag=1")
	change := func() {
		if err := m.Parse(text); err != nil {
			t.Fatal(err)
		}
		m.ReplaceValue(m.Header(HdrFrom), uri, tag)
		m.RemoveLine(m.Header(HdrTo))
	}
	if n := testing.AllocsPerRun(200, change); n != 0 {
		t.Errorf("%v allocations", n)
	}
	want := "Via: SIP/2.0/UDP a\r\nFrom: <sip:e@f>;tag=1\r\nCall-ID: i\r\nCSeq: 1 OPTIONS\r\n"
	if got := string(m.AppendHeaders(nil)); got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}
