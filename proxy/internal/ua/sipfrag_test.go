package ua

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseSipfrag(t *testing.T) {
	for _, c := range []struct {
		body, reason string
		status       int
	}{
		{"SIP/2.0 200 OK\r\n", "OK", 200},
		{"SIP/2.0 200 OK", "OK", 200},
		{"SIP/2.0 200", "", 200},
		{"SIP/2.0 200 \n", "", 200},
		{"\r\n\nSIP/2.0 100 Trying\nTo: x", "Trying", 100},
		{"sip/2.0 603 Decline\r\nReason: SIP\r\n\r\n", "Decline", 603},
		{"SIP/2.0 486 " + strings.Repeat("ä", 100), strings.Repeat("ä", 64), 486},
		{"SIP/2.0 486 x" + strings.Repeat("ä", 100), "x" + strings.Repeat("ä", 63), 486},
		{"SIP/2.0 486 <b>\x1b[31m\x7f", "<b> [31m", 486},
		{"SIP/2.0 699 x", "x", 699},
		{"SIP/2.0 700 x", "", 0},
		{"SIP/2.0 099 x", "", 0},
		{"SIP/2.0 2000 x", "", 0},
		{"SIP/2.0 20", "", 0},
		{"SIP/2.0 -20 x", "", 0},
		{"SIP/2.0  200 OK", "", 0},
		{"SIP/3.0 200 OK", "", 0},
		{"INVITE sip:a@b SIP/2.0\r\n", "", 0},
		{"", "", 0},
	} {
		status, reason, ok := parseSipfrag([]byte(c.body))
		if status != c.status || reason != c.reason || ok != (c.status != 0) {
			t.Errorf("%q: %d %q %v, want %d %q", c.body, status, reason, ok, c.status, c.reason)
		}
	}
}

func FuzzParseSipfrag(f *testing.F) {
	for _, s := range []string{"SIP/2.0 200 OK\r\n", "SIP/2.0 100 Trying", "\n\nSIP/2.0 603 x\ny", "SIP/2.0 486 \xff\xc3", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		status, reason, ok := parseSipfrag(b)
		switch {
		case ok && (status < 100 || status > 699), !ok && (status != 0 || reason != ""):
			t.Errorf("%q: %d %q %v", b, status, reason, ok)
		case len(reason) > maxText || !utf8.ValidString(reason) || strings.ContainsAny(reason, "\r\n\x00"):
			t.Errorf("%q: reason %q", b, reason)
		}
		if ok { // what was read is read again from its plain form
			s, r, ok := parseSipfrag(fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", status, reason))
			if !ok || s != status || r != reason {
				t.Errorf("%q read as %d %q, again as %d %q", b, status, reason, s, r)
			}
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(offer))
	f.Add([]byte("v=0\nm=audio 1/2 RTP/SAVP 0\nm=video 3 x y"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := New(Config{})
		a.socket = &(&fakeNet{}).Sockets()[0]
		c := &Call{agent: a}
		got, err := c.answer(b)
		if err != nil {
			return
		}
		want := strings.Count("\n"+string(b), "\nm=")
		if n := strings.Count(string(got), "\r\nm="); n != want {
			t.Errorf("%d streams in the answer to %d: %q", n, want, got)
		}
		if strings.Count(string(got), "a=inactive\r\n") != 1 {
			t.Errorf("answer %q", got)
		}
	})
}

func TestQuoteName(t *testing.T) {
	for name, want := range map[string]string{
		"":                                 "",
		" \r\n ":                           "",
		"Bob":                              `"Bob" `,
		`Bob "x" \`:                        `"Bob \"x\" \\" `,
		"Bob\r\nEvil: x":                   `"Bob  Evil: x" `,
		"Zoë\xff":                          `"Zoë" `,
		strings.Repeat("é", maxText) + "x": `"` + strings.Repeat("é", maxText/2) + `" `,
	} {
		if got := quoteName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
