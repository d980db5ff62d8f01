package sip_test

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	oracle "github.com/emiago/sipgo/sip"

	"seraph/proxy/internal/sip"
)

// FuzzMessage: no message makes the parser panic; what it takes is written back as it
// came; replies to it can be read again; sipgo reads the same.
func FuzzMessage(f *testing.F) {
	for _, text := range traces(f) {
		f.Add(text)
	}
	for _, c := range tortures {
		f.Add([]byte(crlf(c.text)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var m sip.Message
		err := m.Parse(bytes.Clone(text))
		touch(&m)
		if err != nil {
			return
		}
		for _, d := range roundTrip(&m, text) {
			t.Error(d)
		}
		if m.IsRequest {
			answers(t, &m)
		} else if out, err := m.AppendForwardedReply(nil); err != nil || len(out) >= len(m.Buf) {
			t.Errorf("forwarded as %q: %v", out, err)
		}
		if bytes.Contains(m.Buf[:m.HeadersEnd()], []byte("\r\n ")) || bytes.Contains(m.Buf[:m.HeadersEnd()], []byte("\r\n\t")) {
			return // sipgo knows no folded lines
		}
		var again sip.Message
		if err := again.Parse(text); err != nil {
			t.Fatal(err)
		}
		theirs, err := readBySipgo(again.Buf)
		if err != nil {
			return
		}
		for _, d := range differences(&again, theirs) {
			t.Error(d)
		}
	})
}

var errPanic = errors.New("sipgo panicked")

// readBySipgo returns what sipgo reads; its panics are its own.
func readBySipgo(text []byte) (m oracle.Message, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errPanic
		}
	}()
	return oracle.ParseMessage(text)
}

// touch asks for everything that can be asked of a message, well-formed or not.
func touch(m *sip.Message) {
	_, _ = m.Via()
	_, _ = m.From()
	_, _ = m.To()
	_, _ = m.CSeq()
	_, _ = m.URI()
	_, _ = m.CallID(), m.Named("X-Unknown")
	for i := range m.Headers() {
		h := &m.Headers()[i]
		_, _ = m.Name(h), m.Value(h)
		var c sip.Credentials
		_ = sip.ParseCredentials(m.Value(h), &c)
	}
	for _, id := range []sip.HeaderID{sip.HdrContact, sip.HdrRoute, sip.HdrRecordRoute, sip.HdrOther} {
		for v := m.Values(id); v.Next() != nil; {
			if v.Start >= v.End || v.End > uint32(len(m.Buf)) {
				panic("a value outside of the message")
			}
		}
	}
}

// answers makes replies to the request and reads them again.
func answers(t *testing.T, m *sip.Message) {
	v, _ := m.Via()
	branch := string(v.Branch)
	if err := m.MarkReceived(netip.MustParseAddrPort("203.0.113.9:4711"), true); err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{100, 404} {
		out := m.AppendReply(nil, &sip.Reply{Status: status, ToTag: []byte("own"), RecordRoute: true})
		var r sip.Message
		if err := r.ParseOwn(out); err != nil {
			t.Fatalf("the reply %q: %v", out, err)
		}
		rv, err := r.Via()
		if err != nil {
			t.Fatal(err)
		}
		if string(rv.Branch) != branch || string(rv.Received) != "203.0.113.9" || string(rv.RPort) != "4711" {
			t.Fatalf("the reply's Via is %q, the request's %q", r.HeaderValue(sip.HdrVia), m.HeaderValue(sip.HdrVia))
		}
		if !bytes.Equal(r.CallID(), m.CallID()) {
			t.Fatalf("Call-ID %q became %q", m.CallID(), r.CallID())
		}
	}
}

// FuzzURI: what is taken as a sip URI is made of its parts.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:bob@example.org", "sips:b:pw@[2001:db8::1]:5061;transport=tcp;lr?a=b&c=d", "tel:+1-201;phone-context=x", "sip:", "sip:a@b@c", "http://x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var u sip.URI
		if sip.ParseURI(b, &u) != nil || u.Scheme != sip.SchemeSIP {
			return
		}
		_, _ = u.Param("lr")
		text := append(bytes.Clone(b[:4]), u.User...)
		if u.Password != nil {
			text = append(append(text, ':'), u.Password...)
		}
		if u.HasUser {
			text = append(text, '@')
		}
		text = append(text, u.Host...)
		if u.Port != 0 {
			at := len(text) + 1
			for text = append(text, ':'); at < len(b) && b[at] == '0'; at++ {
				text = append(text, '0') // written with zeros before it
			}
			text = sip.AppendUint(text, uint64(u.Port))
		}
		if u.Params != nil {
			text = append(append(text, ';'), u.Params...)
		}
		if u.Headers != nil {
			text = append(append(text, '?'), u.Headers...)
		}
		if !bytes.Equal(text, b) {
			t.Errorf("%q is %q", b, text)
		}
		for _, c := range u.Host {
			if c <= ' ' || c == '@' || c == ';' || c == '>' {
				t.Errorf("host %q", u.Host)
			}
		}
	})
}

// FuzzNameAddr: the parts of an address lie in it, and its URI has no blanks or brackets.
func FuzzNameAddr(f *testing.F) {
	for _, s := range []string{`"A \"B\" <x>" <sip:a@b>;tag=1`, "sip:a@b;tag=2", "<sip:a@b>", `A B <sip:c>;x="1;tag=no";tag=3`, `"`, "<"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a sip.NameAddr
		if sip.ParseNameAddr(b, &a) != nil {
			return
		}
		for _, part := range [][]byte{a.Display, a.URI, a.Params, a.Tag} {
			if !bytes.Contains(b, part) {
				t.Errorf("%q is not in %q", part, b)
			}
		}
		if len(a.URI) == 0 || bytes.ContainsAny(a.URI, " \t\r\n<>\"") {
			t.Errorf("URI %q of %q", a.URI, b)
		}
	})
}

// FuzzVia: received and rport are written into any Via that is taken, and read from it.
func FuzzVia(f *testing.F) {
	for _, s := range []string{"SIP/2.0/UDP a:5060;branch=z9hG4bK1;rport", "SIP / 2.0 / TCP [::1] ;received=1.2.3.4;rport=1;;x",
		"SIP/2.0/UDP a;rport;rport=\"2;3\";received, SIP/2.0/UDP b;branch=x", "SIP/2.0/UDP a:;branch", "SIP/2.0/UDP a;x=\"", ","} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text := append(append([]byte("OPTIONS sip:x SIP/2.0\r\nVia: "), b...), "\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 OPTIONS\r\n\r\n"...)
		var m sip.Message
		if m.Parse(text) == nil && len(m.Headers()) == 5 {
			answers(t, &m)
		}
	})
}

// FuzzCredentials: what is taken has all that a digest needs.
func FuzzCredentials(f *testing.F) {
	f.Add([]byte(`Digest username="a", realm="r", nonce="n", uri="sip:a@b;x", response="00", qop=auth, nc=00000001, cnonce="c\"d"`))
	f.Add([]byte(`Basic YTpi`))
	f.Add([]byte(`digest username=a,,realm=b,nonce=c,uri=d,response=e,other`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c sip.Credentials
		if sip.ParseCredentials(b, &c) != nil {
			return
		}
		if len(c.Username) == 0 || c.Realm == nil || len(c.Nonce) == 0 || len(c.URI) == 0 || len(c.Response) == 0 {
			t.Errorf("%q is %+v", b, c)
		}
	})
}
