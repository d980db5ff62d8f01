package auth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/auth"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/txn"
	"seraph/sql/store"
)

func TestChallengeThenAccepted(t *testing.T) {
	for _, c := range []struct {
		proxy       bool
		method      string
		status, way string
	}{
		{true, "INVITE", "SIP/2.0 407 Proxy Authentication Required\r\n", "\r\nProxy-Authenticate: Digest "},
		{false, "REGISTER", "SIP/2.0 401 Unauthorized\r\n", "\r\nWWW-Authenticate: Digest "},
	} {
		b := newBench(t)
		b.proxy = c.proxy
		request := moduletest.Request(c.method, "sip:example.org", "To: <sip:alice@example.org>")
		first := b.challenge(b.Receive(phone, request))
		if !strings.HasPrefix(first.text, c.status) || !strings.Contains(first.text, c.way) || first.stale || !first.qop ||
			first.realm != "example.org" || !strings.Contains(first.text, ", algorithm=MD5\r\n") {
			t.Fatalf("challenge:\n%s", first.text)
		}
		if b.table.count() != 0 {
			t.Fatal("the database was read for a stranger")
		}
		a := answer{nonce: first.nonce, uri: "sip:example.org", method: c.method, field: map[bool]string{true: "Proxy-Authorization", false: "Authorization"}[c.proxy]}
		request = moduletest.Request(c.method, "sip:example.org", "To: <sip:alice@example.org>", a.line())
		out := b.Receive(phone, strings.Replace(request, "z9hG4bK", "z9hG4bK2", 1))
		if b.result != module.True || b.who != "alice|example.org" || len(out) != 0 {
			t.Errorf("%s: returned %d as %q, sent %+v", c.method, b.result, b.who, out)
		}
	}
}

func TestCredentials(t *testing.T) {
	forged := strings.Repeat("0", 41)
	for _, c := range []struct {
		name   string
		change func(*answer)
		lines  []string
		want   int
	}{
		{"right", func(*answer) {}, nil, 1},
		{"address as user name", func(a *answer) { a.user = "alice@example.org" }, nil, 1},
		{"wrong password", func(a *answer) { a.password = "wrong" }, nil, -1},
		{"no such user", func(a *answer) { a.user = "nobody" }, nil, -1},
		{"closed account", func(a *answer) { a.user = "closed" }, nil, -1},
		{"account without hash", func(a *answer) { a.user = "empty" }, nil, -1},
		{"address without second hash", func(a *answer) { a.user = "bare@example.org" }, nil, -1},
		{"other spelling", func(a *answer) { a.user = "Alice" }, nil, -1},
		{"address of another domain", func(a *answer) { a.user = "alice@example.com" }, nil, -1},
		{"user name that is none", func(a *answer) { a.user = "al ice" }, nil, -1},
		{"realm of somebody else", func(a *answer) { a.realm = "example.com" }, nil, -5},
		{"forged nonce", func(a *answer) { a.nonce = forged }, nil, -4},
		{"nonce with a changed time", func(a *answer) { a.nonce = "f" + a.nonce[1:] }, nil, -4},
		{"short nonce", func(a *answer) { a.nonce = "abc" }, nil, -4},
		{"qop left out", func(a *answer) { a.noQOP = true }, nil, -1},
		{"MD5 named", func(a *answer) { a.extra = ", algorithm=md5" }, nil, 1},
		{"other algorithm", func(a *answer) { a.extra = ", algorithm=SHA-256" }, nil, -1},
		{"parameter twice", func(a *answer) { a.extra = `, nonce="x"` }, nil, -1},
		{"other user's URI", func(a *answer) { a.uri = "sip:charlie@example.org" }, nil, -1},
		{"foreign host's URI", func(a *answer) { a.uri = "sip:bob@example.com" }, nil, -1},
		{"no URI", func(a *answer) { a.uri = "bob" }, nil, -1},
		{"tel URI", func(a *answer) { a.uri = "tel:bob" }, nil, -1},
		{"URI with parameters", func(a *answer) { a.uri = "sip:bob@EXAMPLE.org:5060;transport=udp" }, nil, 1},
		{"URI with other escapes", func(a *answer) { a.uri = "sip:%62ob@example.org" }, nil, 1},
		{"URI without user", func(a *answer) { a.uri = "sip:example.org" }, nil, 1},
		{"other method", func(a *answer) { a.method = "INVITE" }, nil, -1},
		{"count 0", func(a *answer) { a.nc = -1 }, nil, -1},
		{"none", func(a *answer) { a.field = "X-Authorization" }, nil, -5},
		{"other header", func(a *answer) { a.field = "Authorization" }, nil, -5},
		{"other scheme", func(a *answer) { a.field = "X" }, []string{"Proxy-Authorization: Basic YWxpY2U6c2VjcmV0"}, -1},
		{"empty header", func(a *answer) { a.field = "X" }, []string{"Proxy-Authorization:"}, -1},
		{"after those for others", func(*answer) {}, []string{`Proxy-Authorization: Digest username="a", realm="elsewhere", nonce="n", uri="sip:x", response="r"`,
			"Proxy-Authorization: Basic eA=="}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.table.set("closed", "example.org", "secret")
			b.table.change(func(t *table) {
				row := t.rows["closed@example.org"]
				row.Disabled = true
				t.rows["closed@example.org"] = row
				t.rows["empty@example.org"] = store.Credential{}
				t.rows["bare@example.org"] = store.Credential{HA1: t.rows["alice@example.org"].HA1}
			})
			a := answer{nonce: b.nonce()}
			c.change(&a)
			out := b.try("second", a, c.lines...)
			if b.result != c.want {
				t.Fatalf("returned %d, want %d", b.result, c.want)
			}
			if c.want > 0 {
				if b.who != "alice|example.org" || len(out) != 0 {
					t.Errorf("known as %q, sent %+v", b.who, out)
				}
				return
			}
			// Every refusal is answered alike but for stale.
			if o := b.challenge(out); o.stale != (c.want == -4) || o.nonce == a.nonce {
				t.Errorf("challenge with stale %v, nonce %s after %s", o.stale, o.nonce, a.nonce)
			}
		})
	}
}

// TestUnknownAndWrongLookAlike: nobody learns from the answer whether a user exists.
func TestUnknownAndWrongLookAlike(t *testing.T) {
	b := newBench(t)
	var texts []string
	for i, a := range []answer{{password: "wrong"}, {user: "nobody"}} {
		a.nonce = b.nonce()
		o := b.challenge(b.try(fmt.Sprint("try", i), a))
		texts = append(texts, strings.NewReplacer(o.nonce, "N", fmt.Sprint("try", i), "try").Replace(tagless(o.text)))
	}
	if texts[0] != texts[1] {
		t.Errorf("answers differ:\n%s\n%s", texts[0], texts[1])
	}
}

// tagless cuts the To tag out.
func tagless(text string) string {
	i := strings.Index(text, ";tag=srph-")
	return text[:i] + text[i+len(";tag=srph-")+16:]
}

// TestRealms: the realm of the script, or the domain that the request speaks for.
func TestRealms(t *testing.T) {
	for _, c := range []struct {
		name, realm, request string
		want                 string // the realm challenged with, "" for 403
	}{
		{"From", "", moduletest.Request("INVITE", "sip:x@elsewhere.example"), "example.org"},
		{"To of REGISTER", "", strings.Replace(moduletest.Request("REGISTER", "sip:x", "To: <sip:bob@EXAMPLE.ORG.>"), "alice@example.org", "a@b.example", 1), "example.org"},
		{"foreign From", "", strings.Replace(moduletest.Request("INVITE", "sip:x@example.org"), "alice@example.org", "alice@elsewhere.example", 1), ""},
		{"foreign To of REGISTER", "", moduletest.Request("REGISTER", "sip:x", "To: <sip:bob@elsewhere.example>"), ""},
		{"From without a host", "", strings.Replace(moduletest.Request("INVITE", "sip:x"), "sip:alice@example.org", "tel:+49301", 1), ""},
		{"named", "Sip.Example.Net", strings.Replace(moduletest.Request("INVITE", "sip:x"), "alice@example.org", "alice@elsewhere.example", 1), "sip.example.net"},
	} {
		m := auth.New(auth.Config{LocalDomain: func(h []byte) bool { return strings.EqualFold(strings.TrimSuffix(string(h), "."), "example.org") }})
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		challenge := moduletest.Compile(t, m, "proxy_challenge", c.realm, "0")
		r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) {
			if got := challenge(ctx); got != module.Stop {
				t.Errorf("%s: proxy_challenge returned %d, want the script to end", c.name, got)
			}
		}})
		out := r.Receive(phone, c.request)
		want := "SIP/2.0 403 Not our domain\r\n"
		if c.want != "" {
			want = "SIP/2.0 407 "
		}
		if len(out) != 1 || !strings.HasPrefix(out[0].Text, want) || !strings.Contains(out[0].Text, c.want) {
			t.Errorf("%s: sent %+v, want %s%s", c.name, out, want, c.want)
		}
		if strings.Contains(fmt.Sprint(out), "qop=") {
			t.Errorf("%s: qop was offered though the script says 0", c.name)
		}
	}
}

// TestNotChallenged: ACK and CANCEL cannot answer a challenge, and the router's own
// user agent is known.
func TestNotChallenged(t *testing.T) {
	b := newBench(t)
	b.Receive(phone, moduletest.Request("ACK", "sip:bob@example.org"))
	if b.result != module.True || b.who != "|" {
		t.Errorf("ACK: %d as %q", b.result, b.who)
	}
	local := &relay.Local{User: []byte("alice"), Domain: []byte("example.org"), Replied: func(int, []byte) {}}
	if err := b.Engine.Inject(moduletest.Wire(moduletest.Request("INVITE", "sip:bob@example.org")), local); err != nil {
		t.Fatal(err)
	}
	if b.result != module.True || b.who != "alice|example.org" {
		t.Errorf("own request: %d as %q", b.result, b.who)
	}
}

// TestWithoutQOP: a phone of RFC 2069 is taken where no qop was offered; its response
// works once.
func TestWithoutQOP(t *testing.T) {
	b := newBench(t)
	challenge := moduletest.Compile(t, b.m, "proxy_challenge", "", "0")
	plain := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) { challenge(c) }})
	o := b.challenge(plain.Receive(phone, moduletest.Request("OPTIONS", "sip:bob@example.org")))
	if o.qop {
		t.Fatalf("qop was offered:\n%s", o.text)
	}
	a := answer{nonce: o.nonce, noQOP: true}
	if b.try("one", a); b.result != module.True {
		t.Fatalf("returned %d", b.result)
	}
	if b.try("one", a); b.result != module.True {
		t.Errorf("the retransmission returned %d", b.result)
	}
	if out := b.try("two", a); b.result != -4 || !b.challenge(out).stale {
		t.Errorf("the second use returned %d", b.result)
	}
}

// TestNonceCount: RFC 2617's nc. A used count is stale, never refused for good; the
// same datagram again is no replay; a count that comes late is taken.
func TestNonceCount(t *testing.T) {
	b := newBench(t)
	n := b.nonce()
	for _, c := range []struct {
		id   string
		nc   int
		want int
	}{
		{"a", 1, 1}, {"a", 1, 1}, {"b", 1, -4}, {"c", 2, 1}, {"a", 1, 1}, {"d", 10, 1}, {"e", 9, 1}, {"e", 9, 1}, {"f", 9, -4},
		{"g", 2, -4}, {"h", 100, 1}, {"i", 37, 1}, {"j", 36, -4}, {"k", 10, -4}, {"l", 0x7fffffff, 1}, {"m", 101, -4},
	} {
		out := b.try(c.id, answer{nonce: n, nc: c.nc})
		if b.result != c.want {
			t.Fatalf("request %s with count %d returned %d, want %d", c.id, c.nc, b.result, c.want)
		}
		if c.want < 0 && !b.challenge(out).stale {
			t.Errorf("count %d is refused without stale", c.nc)
		}
	}
	// From another address the same bytes are a replay.
	text := moduletest.Request("OPTIONS", "sip:bob@example.org", answer{nonce: n, nc: 0x7ffffffe}.line())
	b.Receive(phone, text)
	if b.result != module.True {
		t.Fatal(b.result)
	}
	if b.Receive("udp:192.0.2.8:5060", text); b.result != -4 {
		t.Errorf("replayed from elsewhere: %d", b.result)
	}
}

// TestWrongDigestUsesNoCount: who guesses does not spoil the count of who knows.
func TestWrongDigestUsesNoCount(t *testing.T) {
	b := newBench(t)
	n := b.nonce()
	if out := b.try("guess", answer{nonce: n, password: "guess"}); b.challenge(out).stale {
		t.Error("a wrong password is answered with stale")
	}
	if b.try("right", answer{nonce: n}); b.result != module.True {
		t.Errorf("returned %d", b.result)
	}
}

func TestNonceExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		n := b.nonce()
		time.Sleep(300 * time.Second)
		if b.try("a", answer{nonce: n}); b.result != module.True {
			t.Fatalf("after 300 s: %d", b.result)
		}
		time.Sleep(time.Second)
		if out := b.try("b", answer{nonce: n, nc: 2}); b.result != -4 || !b.challenge(out).stale {
			t.Errorf("after 301 s: %d", b.result)
		}
	})
}

// TestRestart: a nonce of a process that has ended is stale, because its counts are
// forgotten.
func TestRestart(t *testing.T) {
	old, b := newBench(t), newBench(t)
	if b.try("a", answer{nonce: old.nonce()}); b.result != -4 {
		t.Errorf("returned %d", b.result)
	}
}

// TestDatabaseAway: what cannot be told is not guessed: 503, and no challenge.
func TestDatabaseAway(t *testing.T) {
	b := newBench(t)
	n := b.nonce()
	b.table.change(func(t *table) { t.err = errors.New("connection refused: password=hunter2") })
	out := b.try("a", answer{nonce: n})
	if b.result != module.Stop || len(out) != 1 || !strings.HasPrefix(out[0].Text, "SIP/2.0 503 ") ||
		!strings.Contains(out[0].Text, "\r\nRetry-After: 5\r\n") || strings.Contains(out[0].Text, "hunter2") {
		t.Errorf("returned %d, sent %+v", b.result, out)
	}
}

// TestTooManyWait: where a request cannot be made to wait it is answered 503.
func TestTooManyWait(t *testing.T) {
	b := newBench(t, func(c *relay.Config) { c.Txn = txn.Config{Max: 1} })
	n := b.nonce()
	b.relays = true // an INVITE under way fills the table of transactions
	b.Receive(phone, moduletest.Request("INVITE", "sip:bob@198.51.100.9"))
	b.relays = false
	if out := b.try("a", answer{nonce: n}); b.result != module.Stop || !strings.HasPrefix(out[0].Text, "SIP/2.0 503 ") {
		t.Errorf("returned %d, sent %+v", b.result, out)
	}
	if got := b.table.count(); got != 0 {
		t.Errorf("the table was read %d times", got)
	}
}
