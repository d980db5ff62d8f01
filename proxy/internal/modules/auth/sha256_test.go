package auth_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/auth"
	"seraph/sql/aor"
)

// new256 is a bench whose script sets algorithm to SHA-256, and whose alice has such
// hashes.
func new256(t testing.TB) *bench {
	t.Helper()
	b := newBench(t)
	b.table.set256("alice", "example.org", "secret")
	b.m = auth.New(auth.Config{Credentials: b.table, LocalDomain: func(h []byte) bool { return strings.EqualFold(string(h), "example.org") }})
	if err := moduletest.Set(t, b.m, "algorithm", "SHA-256"); err != nil {
		t.Fatal(err)
	}
	if err := b.m.Init(); err != nil {
		t.Fatal(err)
	}
	return b
}

// prove gives right MD5 credentials from the phone's address.
func (b *bench) prove() int {
	b.t.Helper()
	b.try("prove"+fmt.Sprint(b.table.count()), answer{nonce: b.nonce()})
	return b.result
}

var algorithms = regexp.MustCompile(`algorithm=([A-Z0-9-]+)\r\n`)

// offered are the algorithms of a challenge in their order.
func offered(t testing.TB, out []moduletest.Packet) string {
	t.Helper()
	if len(out) != 1 {
		t.Fatalf("sent %+v, want a challenge", out)
	}
	var names []string
	for _, m := range algorithms.FindAllStringSubmatch(out[0].Text, -1) {
		names = append(names, m[1])
	}
	return strings.Join(names, " ")
}

// ask is the challenge of a request without credentials.
func (b *bench) ask(remote string, lines ...string) string {
	b.t.Helper()
	return offered(b.t, b.Receive(remote, moduletest.Request("OPTIONS", "sip:bob@example.org", lines...)))
}

// TestBestFirst: who has a hash and has proved itself at an address is offered SHA-256
// there, before MD5, with the same nonce; its answer is right with either.
func TestBestFirst(t *testing.T) {
	b := new256(t)
	if got := b.ask(phone); got != "MD5" {
		t.Errorf("before anything is known of alice: offered %s", got)
	}
	if got := b.prove(); got != module.True {
		t.Fatalf("MD5 credentials: %d", got)
	}
	out := b.Receive(phone, moduletest.Request("OPTIONS", "sip:bob@example.org"))
	if got := offered(t, out); got != "SHA-256 MD5" {
		t.Fatalf("offered %q, want SHA-256 first:\n%s", got, out[0].Text)
	}
	if strings.Count(out[0].Text, "Proxy-Authenticate: Digest realm=\"example.org\"") != 2 {
		t.Errorf("not a header line for each algorithm:\n%s", out[0].Text)
	}
	n := b.challenge(out).nonce
	for i, a := range []answer{
		{nonce: n, nc: 1, sha256: true}, {nonce: n, nc: 2}, {nonce: n, nc: 3, user: "alice@example.org", sha256: true},
		{nonce: n, nc: 4, sha256: true, algorithm: "sha-256"}, {nonce: n, nc: 5, sha256: true, algorithm: `"SHA-256"`},
	} {
		if b.try(fmt.Sprint("ok", i), a); b.result != module.True || b.who != "alice|example.org" {
			t.Errorf("answer %d: %d, %q", i, b.result, b.who)
		}
	}
	if got := statistic(b.m, "accepted_sha256"); got != 4 {
		t.Errorf("%d SHA-256 answers were counted, want 4", got)
	}
}

// TestNotOffered: nobody else is offered SHA-256, so a challenge tells a stranger
// nothing about a user.
func TestNotOffered(t *testing.T) {
	b := new256(t)
	b.table.set("carol", "example.org", "secret")
	b.prove()
	b.try("carol", answer{nonce: b.nonce(), user: "carol"})
	if b.result != module.True {
		t.Fatalf("carol: %d", b.result)
	}
	for _, c := range []struct{ what, remote, from, want string }{
		{"alice at her address", phone, "alice", "SHA-256 MD5"},
		{"alice from another port", "udp:192.0.2.7:6000", "alice", "SHA-256 MD5"},
		{"alice elsewhere", "udp:192.0.2.8:5060", "alice", "MD5"},
		{"who has no hash", phone, "carol", "MD5"},
		{"nobody", phone, "nobody", "MD5"},
	} {
		text := strings.ReplaceAll(moduletest.Request("OPTIONS", "sip:bob@example.org"), "sip:alice@", "sip:"+c.from+"@")
		if got := offered(t, b.Receive(c.remote, text)); got != c.want {
			t.Errorf("%s: offered %q, want %q", c.what, got, c.want)
		}
	}
	if got := b.table.count(); got != 2 {
		t.Errorf("the table was read %d times, want the two of the credentials only", got)
	}
}

// TestOffNotOffered: without the parameter it is MD5 for everybody, as in SER.
func TestOffNotOffered(t *testing.T) {
	b := newBench(t)
	b.table.set256("alice", "example.org", "secret")
	b.prove()
	if got := b.ask(phone); got != "MD5" {
		t.Errorf("offered %q", got)
	}
}

// TestWrongAlgorithms: what is not what it says it is, or was not offered, is refused.
func TestWrongAlgorithms(t *testing.T) {
	b := new256(t)
	before := b.nonce() // MD5 only
	b.prove()
	n := b.nonce()
	for i, c := range []struct {
		what string
		a    answer
	}{
		{"MD5 response said to be SHA-256", answer{nonce: n, algorithm: "SHA-256"}},
		{"SHA-256 response said to be MD5", answer{nonce: n, sha256: true, algorithm: "MD5"}},
		{"SHA-256 where it was not offered", answer{nonce: before, sha256: true}},
		{"SHA-512-256", answer{nonce: n, sha256: true, algorithm: "SHA-512-256"}},
		{"SHA-256-sess", answer{nonce: n, sha256: true, algorithm: "SHA-256-sess"}},
		{"MD5-sess", answer{nonce: n, algorithm: "MD5-sess"}},
		{"nonsense", answer{nonce: n, algorithm: "x"}},
		{"wrong password", answer{nonce: n, sha256: true, password: "wrong"}},
		{"SHA-256 without qop", answer{nonce: n, sha256: true, noQOP: true}},
		{"upper case response", answer{nonce: n, sha256: true, password: "SECRET"}},
	} {
		out := b.try(fmt.Sprint("bad", i), c.a)
		if b.result != module.False {
			t.Errorf("%s: %d, want refused", c.what, b.result)
		}
		if b.challenge(out).stale {
			t.Errorf("%s is called stale", c.what)
		}
	}
	if b.try("good", answer{nonce: n, nc: 1, sha256: true}); b.result != module.True {
		t.Errorf("after all that the right answer: %d", b.result)
	}
}

// TestPasswordChangedByKamctl: the SHA-256 hash of the old password counts no more. The
// phone tries again by itself, with MD5, and gets in.
func TestPasswordChangedByKamctl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new256(t)
		b.prove()
		n := b.nonce()
		b.table.set("alice", "example.org", "changed") // no SHA-256 hash fits any more
		time.Sleep(2 * time.Second)
		out := b.try("sha", answer{nonce: n, nc: 1, sha256: true, password: "changed"})
		if got := b.challenge(out); b.result != module.False || !got.stale || offered(t, out) != "MD5" {
			t.Errorf("returned %d, want a stale challenge with MD5 only:\n%s", b.result, got.text)
		}
		if b.try("md5", answer{nonce: b.challenge(out).nonce, password: "changed"}); b.result != module.True {
			t.Errorf("MD5 after that: %d", b.result)
		}
		if b.try("old", answer{nonce: n, nc: 2, sha256: true}); b.result != module.False {
			t.Errorf("the old password with SHA-256: %d", b.result)
		}
		// The next sign-in to the portal stores it again.
		b.table.set256("alice", "example.org", "changed")
		b.m.Forget(aor.AOR{User: "alice", Domain: "example.org"})
		b.try("again", answer{nonce: b.nonce(), password: "changed"})
		if got := b.ask(phone); got != "SHA-256 MD5" {
			t.Errorf("with a hash again: offered %q", got)
		}
	})
}

// TestSomebodyElsesName: with a nonce of one's own that offers SHA-256 nothing can be
// learnt about others: who exists, who has a hash and who does not are answered alike.
func TestSomebodyElsesName(t *testing.T) {
	b := new256(t)
	b.table.set("carol", "example.org", "secret")   // no hash
	b.table.set256("dora", "example.org", "secret") // never here
	b.prove()
	n := b.nonce()
	var answers []string
	for i, user := range []string{"carol", "dora", "nobody"} {
		out := b.try(fmt.Sprint("who", i), answer{nonce: n, nc: 10 + i, user: user, sha256: true, password: "guess"})
		got := b.challenge(out)
		answers = append(answers, fmt.Sprintf("%d %t %s", b.result, got.stale, offered(t, out)))
	}
	if answers[0] != "-1 true MD5" || answers[1] != answers[0] || answers[2] != answers[0] {
		t.Errorf("answers differ: %q", answers)
	}
}

func TestAlgorithmSetting(t *testing.T) {
	m := auth.New(auth.Config{})
	for _, bad := range []string{"md5", "SHA-512-256", "SHA-256,MD5", " "} {
		if err := moduletest.Set(t, m, "algorithm", bad); err == nil || err.Error() != fmt.Sprintf("algorithm %q is neither MD5 nor SHA-256", bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, good := range []string{"", "MD5", "SHA-256"} {
		if err := moduletest.Set(t, m, "algorithm", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}
