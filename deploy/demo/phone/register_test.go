package phone

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// registering runs Register beside the test.
func registering(p *Phone) chan error {
	done := make(chan error, 1)
	go func() {
		_, err := p.Register(context.Background())
		done <- err
	}()
	return done
}

func contactLine(p *Phone, expires int) string {
	return fmt.Sprintf("Contact: <sip:other@192.0.2.7>;expires=7, <sip:alice@%v>;q=1;expires=%d\r\n", p.Addr(), expires)
}

func TestRegister(t *testing.T) {
	p, r := newPair(t, nil)
	done := registering(p)

	first := r.expect("REGISTER sip:example.org SIP/2.0")
	if first.get("Authorization") != "" {
		t.Error("credentials without a challenge")
	}
	// Best first (RFC 8760): the phone must pass over what it does not know.
	r.reply(first, "401 Unauthorized", "r",
		"WWW-Authenticate: Digest realm=\"x\", nonce=\"x\", algorithm=NOT-YET-INVENTED\r\n"+challengeWith("WWW-Authenticate", "n1", ""), "")
	second := r.expect("REGISTER")
	checkDigest(t, second.get("Authorization"), "REGISTER", "sesame", "n1")
	if got, want := second.get("Contact"), fmt.Sprintf("<sip:alice@%v>;expires=600", p.Addr()); got != want {
		t.Errorf("Contact %q, want %q", got, want)
	}
	r.reply(second, "200 OK", "r", contactLine(p, 60), "")
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	// The refresh has the same Call-ID and a higher CSeq (RFC 3261 §10.2.4).
	done = registering(p)
	third := r.expect("REGISTER")
	if third.get("Call-ID") != first.get("Call-ID") || third.get("CSeq") != "3 REGISTER" {
		t.Errorf("refresh has Call-ID %q, CSeq %q after %q, %q",
			third.get("Call-ID"), third.get("CSeq"), first.get("Call-ID"), first.get("CSeq"))
	}
	r.reply(third, "200 OK", "r", contactLine(p, 60), "")
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	go func() { done <- p.Close() }()
	last := r.expect("REGISTER")
	if !strings.HasSuffix(last.get("Contact"), ";expires=0") {
		t.Errorf("unregisters with Contact %q", last.get("Contact"))
	}
	r.reply(last, "200 OK", "r", "", "")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestRegisterFailures(t *testing.T) {
	ask := challengeWith("WWW-Authenticate", "n1", "")
	for _, c := range []struct {
		name    string
		answers [][2]string // status and header lines
		want    string      // "" for success
	}{
		{"wrong password", [][2]string{{"401 Unauthorized", ask}, {"401 Unauthorized", ask}}, "the password is wrong"},
		{"stale nonce", [][2]string{{"401 Unauthorized", ask}, {"401 Unauthorized", challengeWith("WWW-Authenticate", "n2", ", stale=TRUE")}, {"200 OK", ""}}, ""},
		{"always stale", [][2]string{
			{"401 Unauthorized", ask},
			{"401 Unauthorized", challengeWith("WWW-Authenticate", "n2", ", stale=true")},
			{"401 Unauthorized", challengeWith("WWW-Authenticate", "n3", ", stale=true")},
		}, "401 Unauthorized"},
		{"no challenge", [][2]string{{"401 Unauthorized", ""}}, errNoDigest.Error()},
		{"too brief", [][2]string{{"423 Interval Too Brief", "Min-Expires: 900\r\n"}, {"200 OK", ""}}, ""},
		{"423 without reason", [][2]string{{"423 Interval Too Brief", ""}}, "without a usable Min-Expires"},
		{"forbidden", [][2]string{{"403 Forbidden", ""}}, "403 Forbidden"},
		{"not in the list", [][2]string{{"200 OK", "Contact: <sip:alice@192.0.2.1>;expires=60\r\n"}}, "our contact is not in it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, r := newPair(t, nil)
			done := registering(p)
			for _, a := range c.answers {
				lines := a[1]
				if a[0] == "200 OK" && lines == "" {
					lines = contactLine(p, 60)
				}
				r.reply(r.expect("REGISTER"), a[0], "r", lines, "")
			}
			err := <-done
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestRegisterOverIPv6(t *testing.T) {
	p, r := newPairAt(t, netip.IPv6Loopback(), nil)
	done := registering(p)
	req := r.expect("REGISTER")
	if got, want := req.get("Contact"), fmt.Sprintf("<sip:alice@[::1]:%d>;expires=600", p.Addr().Port()); got != want {
		t.Errorf("Contact %q, want %q", got, want)
	}
	r.reply(req, "200 OK", "r", contactLine(p, 60), "")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestRunKeepsTrying: a router that comes up later, or is restarted, gets its phones back.
func TestRunKeepsTrying(t *testing.T) {
	p, r := newPair(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	r.reply(r.expect("REGISTER"), "503 Service Unavailable", "r", "", "")
	r.reply(r.expect("REGISTER"), "200 OK", "r", contactLine(p, 1), "")
	refreshed := r.expect("REGISTER") // at once: a second is the least
	r.reply(refreshed, "200 OK", "r", contactLine(p, 60), "")
	eventually(t, "bound", func() bool {
		p.registration.mu.Lock()
		defer p.registration.mu.Unlock()
		return p.registration.bound
	})
	cancel()
	r.reply(r.expect("REGISTER"), "200 OK", "r", "", "")
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run does not return")
	}
}
