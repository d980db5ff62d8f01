package auth_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/auth"
	"seraph/proxy/internal/relay"
)

func TestCheckIdentity(t *testing.T) {
	m := auth.New(auth.Config{})
	from, to := moduletest.Compile(t, m, "check_from"), moduletest.Compile(t, m, "check_to")
	for _, c := range []struct {
		name, from, to   string
		user, domain     string
		wantFrom, wantTo int
	}{
		{"both", "<sip:alice@example.org>", "<sip:alice@example.org>", "alice", "example.org", 1, 1},
		{"other spelling", `"A" <sips:%41lice@EXAMPLE.org.:5061;x=y>`, "sip:alice@example.org", "alice", "example.org", 1, 1},
		{"other user", "<sip:bob@example.org>", "<sip:alice2@example.org>", "alice", "example.org", -1, -1},
		{"other domain", "<sip:alice@example.com>", "<sip:alice@example.org.uk>", "alice", "example.org", -1, -1},
		{"joined differently", "<sip:alic@example.org>", "<sip:alice@xample.org>", "alice", "example.org", -1, -1},
		{"no user", "<sip:example.org>", "<tel:+4930>", "alice", "example.org", -1, -1},
		{"nonsense", "<nonsense:alice@example.org>", "<sip:>", "alice", "example.org", -1, -1},
		{"nobody authenticated", "<sip:alice@example.org>", "<sip:alice@example.org>", "", "", -1, -1},
	} {
		text := strings.Replace(moduletest.Request("INVITE", "sip:bob@example.org", "To: "+c.to), `"Alice" <sip:alice@example.org>`, c.from, 1)
		ctx := moduletest.Message(t, text)
		ctx.Auth = relay.Identity{User: []byte(c.user), Domain: []byte(c.domain)}
		if f, to := from(ctx), to(ctx); f != c.wantFrom || to != c.wantTo {
			t.Errorf("%s: check_from %d, check_to %d; want %d and %d", c.name, f, to, c.wantFrom, c.wantTo)
		}
	}
	ack := moduletest.Message(t, moduletest.Request("ACK", "sip:bob@example.org"))
	own := moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org"))
	own.Local = &relay.Local{}
	if a, b := from(ack), from(own); a != module.True || b != module.True {
		t.Errorf("check_from of an ACK %d, of an own request %d; want true for both", a, b)
	}
}

// TestConsume: our credentials do not travel on; those for somebody further do.
func TestConsume(t *testing.T) {
	consume := moduletest.Compile(t, auth.New(auth.Config{}), "consume_credentials")
	ours := `Proxy-Authorization: Digest username="alice", realm="Example.org", nonce="n", uri="sip:x", response="r"`
	theirs := `Proxy-Authorization: Digest username="a", realm="elsewhere", nonce="n", uri="sip:x", response="r"`
	text := moduletest.Request("INVITE", "sip:bob@example.org", theirs, ours, strings.Replace(ours, "Proxy-", "", 1), "Authorization: Basic eA==")
	ctx := moduletest.Message(t, text)
	if got := consume(ctx); got != module.False {
		t.Errorf("without an identity: %d", got)
	}
	ctx.Auth = relay.Identity{User: []byte("alice"), Domain: []byte("example.org")}
	if got := consume(ctx); got != module.True {
		t.Errorf("returned %d", got)
	}
	out := moduletest.Headers(ctx)
	if strings.Contains(out, "Example.org") || !strings.Contains(out, theirs+"\r\n") || !strings.Contains(out, "Authorization: Basic eA==\r\n") {
		t.Errorf("headers out:\n%s", out)
	}
	bare := moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org"))
	bare.Auth = ctx.Auth
	if got := consume(bare); got != module.False {
		t.Errorf("without credentials: %d", got)
	}
	bare.Local = &relay.Local{}
	if got := consume(bare); got != module.True {
		t.Errorf("own request: %d", got)
	}
}

func TestStatistics(t *testing.T) {
	b := newBench(t)
	n := b.nonce()
	b.try("a", answer{nonce: n})
	b.try("b", answer{nonce: n, nc: 2})
	b.try("c", answer{nonce: n, nc: 2, cnonce: "other"})
	b.try("d", answer{nonce: n, nc: 3, password: "wrong"})
	for name, want := range map[string]int64{"challenges": 3, "stale_challenges": 1, "accepted": 2, "rejected": 1, "cache_hits": 3,
		"db_reads": 1, "db_errors": 0, "busy": 0, "cached": 1} {
		if got := statistic(b.m, name); got != want {
			t.Errorf("auth:%s = %d, want %d", name, got, want)
		}
	}
}

func TestBadArguments(t *testing.T) {
	m := auth.New(auth.Config{})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"My Phones", "1"}, `the realm is a domain of ours, because the stored hashes are made with it: domain "My Phones": bad domain: `},
		{[]string{"example.org", "2"}, `qop is "1", or "0" for phones that know none: "2" is no number from 0 to 1`},
		{[]string{"example.org", "auth"}, `qop is "1", or "0" for phones that know none: "auth" is no number from 0 to 1`},
	} {
		for _, name := range []string{"www_challenge", "proxy_challenge", "auth_challenge"} {
			if got := moduletest.Refused(t, m, name, c.args...); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s(%q): %s, want %s", name, c.args, got, c.want)
			}
		}
	}
}
