package phone

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestMessage(t *testing.T) {
	ask := challengeWith("Proxy-Authenticate", "n1", "")
	for _, c := range []struct {
		name    string
		answers [][2]string // status and header lines
		code    int
		refused string
		wrong   string
	}{
		{"taken", [][2]string{{"200 OK", ""}}, 200, "", ""},
		{"stored, after a challenge", [][2]string{{"407 Proxy Authentication Required", ask}, {"202 Accepted", ""}}, 202, "", ""},
		{"refused", [][2]string{{"503 Service Unavailable", ""}}, 0, "503 Service Unavailable", ""},
		{"wrong password", [][2]string{{"407 Proxy Authentication Required", ask}, {"407 Proxy Authentication Required", ask}}, 0, "407 Proxy Authentication Required", ""},
		{"a challenge without a digest", [][2]string{{"407 Proxy Authentication Required", ""}}, 0, "", errNoDigest.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, r := newPair(t, nil)
			type end struct {
				code int
				err  error
			}
			done := make(chan end, 1)
			go func() {
				code, err := p.Message(context.Background(), "sip:bob@example.org", "Hi\nžofie")
				done <- end{code, err}
			}()
			for i, answer := range c.answers {
				m := r.expect("MESSAGE sip:bob@example.org SIP/2.0")
				if m.body != "Hi\nžofie" || m.get("Content-Type") != "text/plain" || m.get("Contact") != "" {
					t.Errorf("message %+v", m)
				}
				if i > 0 {
					checkDigest(t, m.get("Proxy-Authorization"), "MESSAGE", "sesame", "n1")
				}
				r.reply(m, answer[0], "r", answer[1], "")
			}
			got := <-done
			var refused *Refused
			switch {
			case c.refused != "":
				if !errors.As(got.err, &refused) || refused.Error() != c.refused {
					t.Errorf("error %v, want %s", got.err, c.refused)
				}
			case c.wrong != "":
				if got.err == nil || !strings.Contains(got.err.Error(), c.wrong) {
					t.Errorf("error %v, want %s", got.err, c.wrong)
				}
			case got.err != nil || got.code != c.code:
				t.Errorf("%d, %v; want %d", got.code, got.err, c.code)
			}
		})
	}
	p, _ := newPair(t, nil)
	if _, err := p.Message(t.Context(), "nonsense", "x"); err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("an address that is none: %v", err)
	}
}

func TestCall(t *testing.T) {
	p, r := newPair(t, nil)
	done := make(chan error, 1)
	go func() { done <- p.Call(context.Background(), "sip:bob@example.org") }()
	invite := r.expect("INVITE sip:bob@example.org SIP/2.0")
	r.reply(invite, "480 Temporarily Unavailable", "r", "", "")
	r.expect("ACK")
	var refused *Refused
	if err := <-done; !errors.As(err, &refused) || refused.Code != 480 {
		t.Errorf("error %v, want 480", err)
	}
	if err := p.Call(t.Context(), "nonsense"); err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("an address that is none: %v", err)
	}
}

// TestPhoneWithoutMessages says so when it registers, and refuses one that comes all the same.
func TestPhoneWithoutMessages(t *testing.T) {
	p, r := newPair(t, func(c *Config) { c.NoMessages = true })
	done := registering(p)
	register := r.expect("REGISTER")
	if allow := register.get("Allow"); strings.Contains(allow, "MESSAGE") || !strings.Contains(allow, "REFER") {
		t.Errorf("Allow: %s", allow)
	}
	r.reply(register, "200 OK", "r", contactLine(p, 60), "")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	l := leg{callID: "m", own: "<sip:bob@example.org>;tag=b", phone: "<sip:alice@example.org>", target: "sip:alice@" + r.to.String()}
	r.request("MESSAGE", l, "Content-Type: text/plain\r\n", "hello")
	if m := r.expect("SIP/2.0 405"); strings.Contains(m.get("Allow"), "MESSAGE") {
		t.Errorf("Allow: %s", m.get("Allow"))
	}
}
