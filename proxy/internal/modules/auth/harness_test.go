package auth_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/auth"
	"seraph/proxy/internal/relay"
	"seraph/sql/aor"
	"seraph/sql/store"
)

const phone = "udp:192.0.2.7:5060"

// table is the table subscriber.
type table struct {
	mu    sync.Mutex
	rows  map[string]store.Credential
	err   error
	block chan struct{} // if not nil, reading waits for it, or for its context
	reads int
}

func newTable() *table {
	t := &table{rows: map[string]store.Credential{}}
	t.set("alice", "example.org", "secret")
	return t
}

func (t *table) set(user, domain, password string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[user+"@"+domain] = store.Credential{HA1: aor.HA1(user, domain, password), HA1B: aor.HA1B(user, domain, password)}
}

// set256 is set by a program of ours, which stores SHA-256 hashes too.
func (t *table) set256(user, domain, password string) {
	t.set(user, domain, password)
	t.mu.Lock()
	defer t.mu.Unlock()
	row := t.rows[user+"@"+domain]
	row.SHA256, row.SHA256B = aor.HA1SHA256(user, domain, password), aor.HA1SHA256(user+"@"+domain, domain, password)
	t.rows[user+"@"+domain] = row
}

func (t *table) change(f func(*table)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t)
}

func (t *table) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reads
}

func (t *table) Credentials(ctx context.Context, user aor.AOR) (store.Credential, error) {
	t.mu.Lock()
	t.reads++
	block := t.block
	t.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return store.Credential{}, ctx.Err()
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	row, ok := t.rows[user.String()]
	if t.err != nil {
		return store.Credential{}, t.err
	}
	if !ok {
		return store.Credential{}, fmt.Errorf("credentials of %s: %w", user, store.ErrNotFound)
	}
	return row, nil
}

// bench is a router whose script authorizes a realm and challenges on refusal.
type bench struct {
	*moduletest.Router
	t      testing.TB
	m      *auth.Module
	table  *table
	realm  string
	proxy  bool
	result int
	who    string // Auth of the last request
	relays bool   // relay instead

	challengeCall module.Call
	challengeOf   *auth.Module
	authorizeOnly func(result int) // instead of the rest, for counts of allocations
}

func newBench(t testing.TB, change ...func(*relay.Config)) *bench {
	t.Helper()
	b := &bench{t: t, table: newTable(), proxy: true}
	b.m = auth.New(auth.Config{Credentials: b.table, LocalDomain: func(h []byte) bool { return strings.EqualFold(string(h), "example.org") }})
	if err := b.m.Init(); err != nil {
		t.Fatal(err)
	}
	b.Router = moduletest.New(t, &moduletest.Script{Request: b.script}, change...)
	return b
}

func (b *bench) script(c *module.Ctx) {
	if b.relays {
		if err := c.Relay(); err != nil {
			b.t.Error(err)
		}
		return
	}
	if b.authorizeOnly != nil {
		b.authorizeOnly(b.m.Authorize(c, b.realm, b.proxy))
		return
	}
	b.result, b.who = b.m.Authorize(c, b.realm, b.proxy), ""
	switch {
	case b.result > 0:
		b.who = string(c.Auth.User) + "|" + string(c.Auth.Domain)
	case b.result < 0:
		if b.challengeOf != b.m {
			name := "www_challenge"
			if b.proxy {
				name = "proxy_challenge"
			}
			b.challengeCall, b.challengeOf = moduletest.Compile(b.t, b.m, name, b.realm, "1"), b.m
		}
		b.challengeCall(c)
	}
}

// nonce gets a nonce by a request without credentials.
func (b *bench) nonce() string {
	b.t.Helper()
	out := b.Receive(phone, moduletest.Request("OPTIONS", "sip:bob@example.org"))
	return b.challenge(out).nonce
}

// offer is a challenge as received.
type offer struct {
	text, realm, nonce string
	stale, qop         bool
}

var nonceParam = regexp.MustCompile(`realm="([^"]*)", nonce="([0-9a-f]{41})"`)

// challenge reads the challenge that was sent; the test fails if there is none.
func (b *bench) challenge(out []moduletest.Packet) offer {
	b.t.Helper()
	if len(out) != 1 {
		b.t.Fatalf("sent %+v, want a challenge", out)
	}
	m := nonceParam.FindStringSubmatch(out[0].Text)
	if m == nil || !strings.HasPrefix(out[0].Text, "SIP/2.0 40") {
		b.t.Fatalf("no challenge:\n%s", out[0].Text)
	}
	return offer{text: out[0].Text, realm: m[1], nonce: m[2],
		stale: strings.Contains(out[0].Text, ", stale=true"), qop: strings.Contains(out[0].Text, `, qop="auth"`)}
}

// answer is what a phone puts into its credentials.
type answer struct {
	user, realm, password, nonce, uri, method string
	nc                                        int
	noQOP                                     bool
	cnonce, extra                             string
	field                                     string
	sha256                                    bool // the response is made with SHA-256, and says so
	algorithm                                 string
}

func md5hex(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }

func sha256hex(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

// line is the credentials as a header line (RFC 2617 §3.2.2).
func (a answer) line() string {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&a.user, "alice")
	def(&a.realm, "example.org")
	def(&a.password, "secret")
	def(&a.uri, "sip:bob@example.org")
	def(&a.method, "OPTIONS")
	def(&a.cnonce, "c0ffee")
	def(&a.field, "Proxy-Authorization")
	if a.nc == 0 {
		a.nc = 1
	}
	sum := md5hex
	if a.sha256 {
		sum = sha256hex
		def(&a.algorithm, "SHA-256")
	}
	if a.algorithm != "" {
		a.extra += ", algorithm=" + a.algorithm
	}
	ha1, ha2 := sum(a.user+":"+a.realm+":"+a.password), sum(a.method+":"+a.uri)
	qop, response := "", sum(ha1+":"+a.nonce+":"+ha2)
	if !a.noQOP {
		nc := fmt.Sprintf("%08x", a.nc)
		qop = fmt.Sprintf(`, qop=auth, nc=%s, cnonce="%s"`, nc, a.cnonce)
		response = sum(ha1 + ":" + a.nonce + ":" + nc + ":" + a.cnonce + ":auth:" + ha2)
	}
	return fmt.Sprintf(`%s: Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"%s%s`,
		a.field, a.user, a.realm, a.nonce, a.uri, response, qop, a.extra)
}

// try sends an OPTIONS with these credentials; id makes it a request of its own.
func (b *bench) try(id string, a answer, lines ...string) []moduletest.Packet {
	b.t.Helper()
	text := moduletest.Request("OPTIONS", "sip:bob@example.org", append(lines, a.line())...)
	return b.Receive(phone, strings.Replace(text, "z9hG4bK-OPTIONS", "z9hG4bK-"+id, 1))
}

// newRequest is a request on a worker of its own, for tests that make many wait at once.
func newRequest(b *bench, a answer, id string) *module.Ctx {
	b.t.Helper()
	text := moduletest.Request("OPTIONS", "sip:bob@example.org", a.line())
	c := moduletest.Message(b.t, strings.Replace(text, "z9hG4bK-OPTIONS", "z9hG4bK-"+id, 1))
	c.Engine, c.From = b.Engine, b.Flow(phone)
	return c
}
