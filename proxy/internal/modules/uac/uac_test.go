package uac_test

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/tm"
	"seraph/proxy/internal/modules/uac"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

const (
	phone   = "udp:192.0.2.7:5060"
	gateway = "udp:198.51.100.9:5060"
)

func newModule(t testing.TB, params ...string) *uac.Module {
	t.Helper()
	m := uac.New(uac.Config{})
	for _, p := range params {
		name, value, _ := strings.Cut(p, " ")
		if err := moduletest.Set(t, m, name, value); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// gate is a router whose script sends to the gateway and answers its challenges.
func gate(t *testing.T, m *uac.Module) *moduletest.Router {
	t.Helper()
	relays := tm.New(tm.Config{})
	auth, send, arm := moduletest.Compile(t, m, "uac_auth"), moduletest.Compile(t, relays, "t_relay"), moduletest.Compile(t, relays, "t_on_failure", "1")
	return moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			arm(c)
			send(c)
		},
		Failure: func(c *module.Ctx, _ int) {
			if auth(c) == module.True {
				arm(c)
				send(c)
			}
		},
	})
}

// challenged is the gateway's answer with challenges.
func challenged(t testing.TB, p moduletest.Packet, status int, lines ...string) string {
	return moduletest.Answer(t, p, status, lines...)
}

var secrets = []string{"credential seraph:pstn.example:s3:cret", "credential other:elsewhere.example:x", "auth_target 198.51.100.0/24"}

// TestAuthorize: a gateway's challenge is answered as RFC 7616 computes it, on the way
// that the request took, and the challenge does not go up.
func TestAuthorize(t *testing.T) {
	const uri = "sip:+49301@198.51.100.9"
	for _, c := range []struct {
		name   string
		status int
		lines  []string
		want   string // of the header line: CNONCE and RESPONSE stand for what is computed
		hash   func(string) string
		qop    bool
	}{
		{"MD5 without qop", 407, []string{`Proxy-Authenticate: Digest realm="pstn.example", nonce="n1"`},
			`Proxy-Authorization: Digest username="seraph", realm="pstn.example", nonce="n1", uri="` + uri + `", response="RESPONSE"`, md5Hex, false},
		{"MD5 with qop", 401, []string{`WWW-Authenticate: digest realm="pstn.example",qop="auth-int,auth", nonce="n1", algorithm=MD5,opaque=""`},
			`Authorization: Digest username="seraph", realm="pstn.example", nonce="n1", uri="` + uri + `", algorithm=MD5, opaque="", qop=auth, nc=00000001, cnonce="CNONCE", response="RESPONSE"`, md5Hex, true},
		{"the better of two", 407, []string{`Proxy-Authenticate: Digest realm="pstn.example", nonce="n1", algorithm=MD5`,
			`Proxy-Authenticate: Digest realm="pstn.example", nonce="n1", algorithm=SHA-256, qop="auth"`},
			`Proxy-Authorization: Digest username="seraph", realm="pstn.example", nonce="n1", uri="` + uri + `", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="CNONCE", response="RESPONSE"`, shaHex, true},
		{"one that is known beside one that is not", 407, []string{`Proxy-Authenticate: Basic realm="pstn.example"`, `Proxy-Authenticate: Digest realm="pstn.example", nonce="n2", algorithm=SHA-512-256`,
			`Proxy-Authenticate: Digest realm="unknown.example", nonce="n3"`, `Proxy-Authenticate: Digest realm="pstn.example", nonce="n1"`},
			`Proxy-Authorization: Digest username="seraph", realm="pstn.example", nonce="n1", uri="` + uri + `", response="RESPONSE"`, md5Hex, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := gate(t, newModule(t, secrets...))
			first := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", uri)), "INVITE")
			out := r.Receive(gateway, challenged(t, first, c.status, c.lines...))
			second := moduletest.Find(t, out, "INVITE "+uri)
			if second.To.Remote != first.To.Remote {
				t.Errorf("answered at %s, sent to %s first", second.To.Remote, first.To.Remote)
			}
			line := header(second.Text, "Proxy-Authorization") + header(second.Text, "Authorization")
			got := regexp.MustCompile(`cnonce="[0-9a-f]{32}"`).ReplaceAllString(line, `cnonce="CNONCE"`)
			got = regexp.MustCompile(`response="[0-9a-f]+"`).ReplaceAllString(got, `response="RESPONSE"`)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			cnonce, response := value(line, "cnonce"), value(line, "response")
			text := c.hash("seraph:pstn.example:s3:cret") + ":n1:"
			if c.qop {
				text += "00000001:" + cnonce + ":auth:"
			}
			if want := c.hash(text + c.hash("INVITE:"+uri)); response != want {
				t.Errorf("response %s, want %s", response, want)
			}
			moduletest.Find(t, r.Receive(gateway, moduletest.Answer(t, second, 486)), "SIP/2.0 486") // better than the challenge, which is gone
		})
	}
}

func md5Hex(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
func shaHex(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

func header(text, name string) string {
	for line := range strings.SplitSeq(text, "\r\n") {
		if strings.HasPrefix(line, name+":") {
			return line
		}
	}
	return ""
}

func value(line, name string) string {
	_, rest, _ := strings.Cut(line, " "+name+`="`)
	v, _, _ := strings.Cut(rest, `"`)
	return v
}

// TestRefusedAnswer: nobody gets an answer who may not have it, or who has had it; the
// challenge goes up then.
func TestRefusedAnswer(t *testing.T) {
	const ours = `Proxy-Authenticate: Digest realm="pstn.example", nonce="n1"`
	for _, c := range []struct {
		name   string
		params []string
		line   string
	}{
		{"another realm", secrets, `Proxy-Authenticate: Digest realm="PSTN.example", nonce="n1"`},
		{"another host", []string{secrets[0], "auth_target 198.51.100.8", "auth_target gw.example"}, ours},
		{"no nonce", secrets, `Proxy-Authenticate: Digest realm="pstn.example"`},
		{"an algorithm that is not known", secrets, `Proxy-Authenticate: Digest realm="pstn.example", nonce="n1", algorithm=MD5-sess`},
		{"only auth-int", secrets, `Proxy-Authenticate: Digest realm="pstn.example", nonce="n1", qop="auth-int"`},
		{"Basic", secrets, `Proxy-Authenticate: Basic realm="pstn.example"`},
		{"no challenge at all", secrets, "X: y"},
		{"half a quoted string", secrets, `Proxy-Authenticate: Digest realm="pstn.example", nonce="n1, x`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := gate(t, newModule(t, c.params...))
			first := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", "sip:+49301@198.51.100.9")), "INVITE")
			out := r.Receive(gateway, challenged(t, first, 407, c.line))
			moduletest.Find(t, out, "SIP/2.0 407")
			for _, p := range out {
				if strings.Contains(p.Text, "Proxy-Authorization") {
					t.Errorf("sent\n%s", p.Text)
				}
			}
		})
	}
}

// TestNoChallenge: what is no challenge is nobody's to answer, and the reply goes up.
func TestNoChallenge(t *testing.T) {
	r := gate(t, newModule(t, secrets...))
	first := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", "sip:+49301@198.51.100.9")), "INVITE")
	moduletest.Find(t, r.Receive(gateway, challenged(t, first, 486, `Proxy-Authenticate: Digest realm="pstn.example", nonce="n1"`)), "SIP/2.0 486")
	if got := moduletest.Compile(t, newModule(t, secrets...), "uac_auth")(moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org"))); got != module.False {
		t.Errorf("uac_auth of a request without a transaction: %d", got)
	}
}

// TestRefusedTwice: a gateway that does not like the answer does not get another one,
// unless only its nonce was old.
func TestRefusedTwice(t *testing.T) {
	m := newModule(t, secrets...)
	r := gate(t, m)
	const line = `Proxy-Authenticate: Digest realm="pstn.example", nonce="n%d"%s`
	p := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", "sip:+49301@198.51.100.9")), "INVITE")
	for i, stale := range []string{"", ", stale=TRUE", ", stale=true"} {
		p = moduletest.Find(t, r.Receive(gateway, challenged(t, p, 407, fmt.Sprintf(line, i, stale))), "INVITE")
		if n := strings.Count(p.Text, "Proxy-Authorization"); n != 1 || value(header(p.Text, "Proxy-Authorization"), "nonce") != fmt.Sprintf("n%d", i) {
			t.Errorf("answer %d:\n%s", i, p.Text)
		}
	}
	moduletest.Find(t, r.Receive(gateway, challenged(t, p, 407, fmt.Sprintf(line, 9, ", stale=true"))), "SIP/2.0 407")
	got := map[string]int64{}
	m.Statistics(func(group, name string, n int64) { got[group+":"+name] = n })
	if diff := cmp.Diff(map[string]int64{"uac:challenges_answered": 3, "uac:challenges_refused": 1}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	r = gate(t, newModule(t, secrets...))
	p = moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", "sip:+49301@198.51.100.9")), "INVITE")
	p = moduletest.Find(t, r.Receive(gateway, challenged(t, p, 407, fmt.Sprintf(line, 1, ""))), "INVITE")
	moduletest.Find(t, r.Receive(gateway, challenged(t, p, 407, fmt.Sprintf(line, 2, ""))), "SIP/2.0 407")
}

// TestAnswerIsForOne: the next gateway does not get what the first one was told.
func TestAnswerIsForOne(t *testing.T) {
	m, relays := newModule(t, secrets...), tm.New(tm.Config{})
	auth, send, arm := moduletest.Compile(t, m, "uac_auth"), moduletest.Compile(t, relays, "t_relay"), moduletest.Compile(t, relays, "t_on_failure", "1")
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			arm(c)
			send(c)
		},
		Failure: func(c *module.Ctx, _ int) {
			if auth(c) != module.True {
				_ = c.SetURI([]byte("sip:+49301@203.0.113.5"))
			}
			arm(c)
			send(c)
		},
	})
	p := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", "sip:+49301@198.51.100.9")), "INVITE")
	p = moduletest.Find(t, r.Receive(gateway, challenged(t, p, 407, `Proxy-Authenticate: Digest realm="pstn.example", nonce="n1"`)), "INVITE")
	p = moduletest.Find(t, r.Receive(gateway, moduletest.Answer(t, p, 500)), "INVITE sip:+49301@203.0.113.5")
	if strings.Contains(p.Text, "Authorization") {
		t.Errorf("the next gateway gets\n%s", p.Text)
	}
}

// TestAnswer: for a request of the router's own a gateway gets the credential, thrice at most, and
// nobody else does.
func TestAnswer(t *testing.T) {
	m := newModule(t, secrets[0], "auth_target 198.51.100.9", "auth_target gw.example")
	ask := func(addr, nonce string, tried int) (string, bool) {
		return m.Answer("BYE", &relay.Challenge{URI: []byte("sip:+49301@gw.example"), Addr: netip.MustParseAddrPort(addr),
			Lines: []byte("Proxy-Authenticate: Digest realm=\"pstn.example\", nonce=\"" + nonce + "\"\r\n")}, tried)
	}
	line, ok := ask("198.51.100.9:5060", "n1", 0)
	if !ok || !strings.HasPrefix(line, "Proxy-Authorization: Digest ") || !strings.HasSuffix(line, "\r\n") || !strings.Contains(line, `uri="sip:+49301@gw.example"`) || !strings.Contains(line, `nonce="n1"`) {
		t.Errorf("%q, %v", line, ok)
	}
	if line, ok := ask("203.0.113.66:5060", "n1", 0); ok || line != "" {
		t.Errorf("somebody else gets %q", line)
	}
	if line, ok := ask("198.51.100.9:5060", "n2", 1); ok || line != "" {
		t.Errorf("who has refused it gets %q", line)
	}
}

// TestHostTarget: a gateway that is known by name.
func TestHostTarget(t *testing.T) {
	m := newModule(t, secrets[0], "auth_target GW.example")
	relays := tm.New(tm.Config{})
	auth, send, arm := moduletest.Compile(t, m, "uac_auth"), moduletest.Compile(t, relays, "t_relay"), moduletest.Compile(t, relays, "t_on_failure", "1")
	for hop, want := range map[string]string{"sip:gw.EXAMPLE": "INVITE", "sip:other.example": "SIP/2.0 407", "sip:gw.example;maddr=203.0.113.66": "SIP/2.0 407"} {
		r := moduletest.New(t, &moduletest.Script{
			Request: func(c *module.Ctx) {
				arm(c)
				c.Main.Next, c.Main.Flow = []byte(hop), c.From
				send(c)
			},
			Failure: func(c *module.Ctx, _ int) {
				if auth(c) == module.True {
					send(c)
				}
			},
		})
		p := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", "sip:+49301@example.org")), "INVITE")
		moduletest.Find(t, r.Receive(phone, challenged(t, p, 407, `Proxy-Authenticate: Digest realm="pstn.example", nonce="n1"`)), want)
	}
}

// TestReplace: what stands in From and To afterwards.
func TestReplace(t *testing.T) {
	for _, c := range []struct {
		function string
		args     []string
		want     string // the line
		ok       bool
	}{
		{"uac_replace_from", []string{"sip:+49301@example.org"}, `From: "Alice" <sip:+49301@example.org>;tag=at`, true},
		{"uac_replace_from", []string{"Office", "sip:+49301@example.org"}, `From: "Office" <sip:+49301@example.org>;tag=at`, true},
		{"uac_replace_from", []string{`"Off\ice"`, ""}, `From: "Off\\ice" <sip:alice@example.org>;tag=at`, true},
		{"uac_replace_from", []string{"", "sip:anonymous@anonymous.invalid"}, `From: <sip:anonymous@anonymous.invalid>;tag=at`, true},
		{"uac_replace_from", []string{"$fU", "sip:$rU@pstn.example"}, `From: "alice" <sip:bob@pstn.example>;tag=at`, true},
		{"uac_replace_from", []string{"$hdr(X)", ""}, `From: "a> <b\"c" <sip:alice@example.org>;tag=at`, true},
		{"uac_replace_from", []string{"sip:$hdr(X)@example.org"}, `From: "Alice" <sip:alice@example.org>;tag=at`, false},
		{"uac_replace_to", []string{"Bob", "sip:+49301@pstn.example"}, `To: "Bob" <sip:+49301@pstn.example>`, true},
	} {
		ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org", `X: a> <b"c`))
		call := moduletest.Compile(t, newModule(t, "restore_mode none"), c.function, c.args...)
		if got := call(ctx) == module.True; got != c.ok {
			t.Errorf("%s%q returned %v", c.function, c.args, got)
		}
		name, _, _ := strings.Cut(c.want, ":")
		if got := header(moduletest.Headers(ctx), name); got != c.want {
			t.Errorf("%s%q gives %s, want %s", c.function, c.args, got, c.want)
		}
		if c.ok && call(ctx) == module.True {
			t.Errorf("%s%q replaces twice", c.function, c.args)
		}
		var m sip.Message
		if err := m.Parse(moduletest.Wire("INVITE sip:x@y SIP/2.0\n" + moduletest.Headers(ctx))); err != nil {
			t.Errorf("%s%q makes a message that cannot be read: %v", c.function, c.args, err)
		}
	}
}

func TestBadArguments(t *testing.T) {
	for _, f := range []string{"uac_replace_from", "uac_replace_to"} {
		for _, uri := range []string{"", "x", "sip:a@b>;x=<y"} {
			moduletest.Refused(t, newModule(t), f, uri)
		}
		moduletest.Refused(t, newModule(t), f, "x", "$nothing_like_it")
	}
	for name, values := range map[string][]string{
		"credential":          {"", "user", "user:realm", ":realm:hushhush", "user::hushhush", "u\"ser:realm:hushhush", "user:realm:hushhush\r\nX: y"},
		"auth_target":         {"", "a b", "sip:x", "192.0.2.1:5060", "x@y", "192.0.2.0/33"},
		"restore_mode":        {"Auto", "maunal", "1", ""},
		"rr_from_store_param": {"", "lr", "srm", "v-sf", "Vsf", "v;x", "v=x", strings.Repeat("v", 33)},
		"rr_to_store_param":   {"", "transport", "v>"},
	} {
		for _, value := range values {
			if err := moduletest.Set(t, newModule(t), name, value); err == nil || strings.Contains(err.Error(), "hushhush") {
				t.Errorf("%s %q: %v", name, value, err)
			}
		}
	}
	if err := newModule(t, "credential a:b:c").Check(); err == nil || !strings.Contains(err.Error(), "auth_target") {
		t.Errorf("a credential for nobody: %v", err)
	}
	if err := newModule(t, "restore_mode none").Check(); err != nil {
		t.Error(err)
	}
	for _, p := range newModule(t).Params() {
		if p.Secret != (p.Name == "credential") {
			t.Errorf("%s is secret: %v", p.Name, p.Secret)
		}
	}
}

// FuzzChallenge: whatever a gateway says, what goes to it is a message with one line of
// credentials more.
func FuzzChallenge(f *testing.F) {
	for _, s := range []string{`Digest realm="pstn.example", nonce="n1"`, `Digest realm="pstn.example", nonce="\"", opaque=a,qop=auth`, `Digest realm=pstn.example,nonce=x;y, algorithm="SHA-256"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\r\n") {
			return
		}
		r := gate(t, newModule(t, secrets...))
		first := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", "sip:+49301@198.51.100.9")), "INVITE")
		for _, p := range r.Receive(gateway, challenged(t, first, 407, "Proxy-Authenticate: "+text)) {
			if !strings.HasPrefix(p.Text, "INVITE") {
				continue
			}
			var m, before sip.Message
			if err := m.Parse([]byte(p.Text)); err != nil {
				t.Fatalf("%v in\n%s", err, p.Text)
			}
			var c sip.Credentials
			if err := sip.ParseCredentials(m.HeaderValue(sip.HdrProxyAuthorization), &c); err != nil || string(c.Realm) != "pstn.example" {
				t.Errorf("%v: %s", err, m.HeaderValue(sip.HdrProxyAuthorization))
			}
			if err := before.Parse([]byte(first.Text)); err != nil || len(m.Headers()) != len(before.Headers())+1 {
				t.Errorf("%d header lines, %d before", len(m.Headers()), len(before.Headers()))
			}
		}
	})
}
