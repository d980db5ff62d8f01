package sanity_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/sanity"
)

const phone = "udp:192.0.2.7:5060"

// ask sends a request through sanity_check and returns what it returned and the first line of
// what was sent.
func ask(t *testing.T, m *sanity.Module, text string, args ...string) (returned int, line string) {
	t.Helper()
	call := moduletest.Compile(t, m, "sanity_check", args...)
	returned = 99
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) { returned = call(c) }})
	for _, p := range r.Receive(phone, text) {
		first, _, _ := strings.Cut(p.Text, "\r\n")
		line += first
	}
	return returned, line
}

const good = `Digest username="a", realm="r", nonce="n", uri="sip:x", response="1"`

func TestChecks(t *testing.T) {
	invite := func(uri string, lines ...string) string { return moduletest.Request("INVITE", uri, lines...) }
	for _, c := range []struct {
		name, text string
		args       []string
		want       string // the answer, "" for none
	}{
		{"a good one, default checks", invite("sip:bob@example.org", "Expires: 60", "Proxy-Authorization: "+good), nil, ""},
		{"a good one, all checks", invite("sip:bob@example.org", "Contact: <sip:a@b>"), []string{"32767", "15"}, ""},
		{"sips", invite("sips:bob@example.org"), nil, ""},
		{"tel", invite("tel:+15551234"), []string{"32767", "7"}, ""},
		{"http", invite("http://example.org/"), nil, "SIP/2.0 416 Unsupported URI Scheme"},
		{"http, not asked for", invite("http://example.org/"), []string{"4"}, ""},
		{"torture: unknown scheme", invite("nobodyKnowsThisScheme:totallyopaquecontent"), []string{"2"}, "SIP/2.0 416 Unsupported URI Scheme"},
		{"headers in the Request-URI", invite("sip:bob@example.org?Route=%3Csip:x%3E"), []string{"1024", "1"}, "SIP/2.0 400 Bad Request-URI"},
		{"headers in the Request-URI, not asked for", invite("sip:bob@example.org?Route=%3Csip:x%3E"), []string{"256"}, ""},
		{"empty parameters in Via", strings.Replace(invite("sip:x@y"), ";branch", ";;,;,,;branch", 1), []string{"16384"}, "SIP/2.0 400 Empty Parameter in Via"},
		{"empty parameters in Via, not asked for", strings.Replace(invite("sip:x@y"), ";branch", ";;branch", 1), []string{"256"}, ""},
		{"Expires no number", invite("sip:x@y", "Expires: soon"), []string{"256"}, "SIP/2.0 400 Bad Expires"},
		{"Expires negative", invite("sip:x@y", "Expires: -1"), []string{"256"}, "SIP/2.0 400 Bad Expires"},
		{"Expires of 33 bits", invite("sip:x@y", "Expires: 4294967296"), []string{"256"}, "SIP/2.0 400 Bad Expires"},
		{"Expires of 32 bits", invite("sip:x@y", "Expires: 4294967295"), []string{"256"}, ""},
		{"second Expires bad", invite("sip:x@y", "Expires: 1", "Expires: x"), []string{"256"}, "SIP/2.0 400 Bad Expires"},
		{"Expires bad, not asked for", invite("sip:x@y", "Expires: soon"), []string{"2"}, ""},
		{"Request-URI unreadable", invite("sip:"), []string{"1024", "1"}, "SIP/2.0 400 Bad Request-URI"},
		{"Request-URI unreadable, only From asked", invite("sip:"), []string{"1024", "2"}, ""},
		{"Request-URI unreadable, not by its scheme", invite("sip:"), []string{"2"}, ""},
		{"Request-URI with an empty label", invite("sip:bob@example.org.."), []string{"1024", "1"}, "SIP/2.0 400 Bad Request-URI"},
		{"To with an empty label", invite("sip:x@y", "To: <sip:bob@example..org>"), []string{"1024"}, "SIP/2.0 400 Bad URI in To"},
		{"absolute names", invite("sip:bob@example.org.", "To: <sip:bob@example.org.>"), []string{"1024"}, ""},
		{"To unreadable", invite("sip:x@y", "To: <sip:>"), []string{"1024"}, "SIP/2.0 400 Bad URI in To"},
		{"Contact unreadable", invite("sip:x@y", "Contact: <sip:a@b>, <sip:>"), []string{"1024", "8"}, "SIP/2.0 400 Bad URI in Contact"},
		{"Contact unreadable, not asked for", invite("sip:x@y", "Contact: <sip:>"), []string{"1024", "7"}, ""},
		{"Contact star in INVITE", invite("sip:x@y", "Contact: *"), []string{"1024", "8"}, "SIP/2.0 400 Bad URI in Contact"},
		{"Contact star in REGISTER", moduletest.Request("REGISTER", "sip:y", "Contact: *"), []string{"1024", "8"}, ""},
		{"credentials of another scheme", invite("sip:x@y", "Authorization: Basic eA=="), []string{"2048"}, "SIP/2.0 400 Bad Digest Credentials"},
		{"another scheme may be", invite("sip:x@y", "Authorization: Basic eA=="), []string{"8192"}, ""},
		{"digest without a nonce", invite("sip:x@y", `Proxy-Authorization: Digest username="a", realm="r", uri="sip:x", response="1"`),
			[]string{"8192"}, "SIP/2.0 400 Bad Authorization"},
		{"bare digest", invite("sip:x@y", `Authorization: Digest`), []string{"8192"}, "SIP/2.0 400 Bad Authorization"},
		{"second credentials bad", invite("sip:x@y", "Authorization: "+good, "Authorization: Digest x"), []string{"2048"}, "SIP/2.0 400 Bad Digest Credentials"},
		{"one tag in To, one in its URI", invite("sip:x@y", "To: <sip:b@c;tag=1>;tag=2"), []string{"4096"}, ""},
		{"unknown transport", strings.Replace(invite("sip:x@y"), "SIP/2.0/UDP", "SIP/2.0/PIGEON", 1), []string{"16"}, "SIP/2.0 400 Unknown Transport in Via"},
		{"an ACK is not answered", moduletest.Request("ACK", "http://example.org/"), nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			returned, line := ask(t, sanity.New(sanity.Config{}), c.text, c.args...)
			stops := c.want != "" || strings.HasPrefix(c.text, "ACK")
			if line != c.want || (returned == module.Stop) != stops || !stops && returned != module.True {
				t.Errorf("returned %d and sent %q, want %q", returned, line, c.want)
			}
		})
	}
}

// TestRouterItself: what the router refuses by itself does not reach the script.
func TestRouterItself(t *testing.T) {
	text := moduletest.Request("INVITE", "sip:bob@example.org")
	for what, c := range map[string][2]string{
		"version":        {strings.Replace(text, "SIP/2.0\n", "SIP/7.0\n", 1), "SIP/2.0 505 "},
		"no To":          {strings.Replace(text, "To: ", "X-To: ", 1), "SIP/2.0 400 Bad Request: a mandatory header is missing"},
		"From":           {strings.Replace(text, "<sip:alice@example.org>", "<sip:@>", 1), "SIP/2.0 400 Bad Request: malformed URI in From"},
		"From's host":    {strings.Replace(text, "@example.org>", "@example.org..>", 1), "SIP/2.0 400 Bad Request: malformed URI in From"},
		"two tags":       {strings.Replace(text, "<sip:alice@example.org>", "<sip:alice@example.org>;tag=1;tag=2", 1), "SIP/2.0 400 Bad Request: malformed tag in From or To"},
		"method":         {strings.ReplaceAll(text, "INVITE", "Invite"), "SIP/2.0 400 Bad Request: method is not in capital letters"},
		"CSeq method":    {strings.Replace(text, "1 INVITE", "1 BYE", 1), "SIP/2.0 400 Bad Request: malformed CSeq"},
		"CSeq number":    {strings.Replace(text, "CSeq: 1", "CSeq: x", 1), "SIP/2.0 400 Bad Request: malformed CSeq"},
		"Content-Length": {strings.Replace(text, "Length: 0", "Length: 9", 1), "SIP/2.0 400 Bad Request: bad Content-Length"},
		"Proxy-Require":  {moduletest.Request("INVITE", "sip:bob@example.org", "Proxy-Require: foo"), "SIP/2.0 420 "},
	} {
		returned, line := ask(t, sanity.New(sanity.Config{}), c[0], "0")
		if returned != 99 || !strings.HasPrefix(line, c[1]) || (line == "") != (c[1] == "") {
			t.Errorf("%s: the script saw %d, sent was %q, want %q", what, returned, line, c[1])
		}
	}
}

// TestAutodropOff: the script goes on, and the answer is sent all the same.
func TestAutodropOff(t *testing.T) {
	m := sanity.New(sanity.Config{})
	if err := moduletest.Set(t, m, "autodrop", "0"); err != nil {
		t.Fatal(err)
	}
	returned, line := ask(t, m, moduletest.Request("OPTIONS", "sip:x@y", "Expires: x"))
	if returned != module.False || line != "SIP/2.0 400 Bad Expires" {
		t.Errorf("returned %d, sent %q", returned, line)
	}
}

// TestSettings: parameters hold for calls without arguments, also when set after compiling.
func TestSettings(t *testing.T) {
	m := sanity.New(sanity.Config{})
	for name, value := range map[string]string{"default_checks": "1024", "uri_checks": "4"} {
		if err := moduletest.Set(t, m, name, value); err != nil {
			t.Fatal(err)
		}
	}
	if returned, line := ask(t, m, moduletest.Request("OPTIONS", "sip:", "Expires: x")); returned != module.True {
		t.Errorf("To only: %d, %q", returned, line)
	}
	if _, line := ask(t, m, moduletest.Request("OPTIONS", "sip:", "To: <sip:>")); line != "SIP/2.0 400 Bad URI in To" {
		t.Errorf("bad To: %q", line)
	}
}

func TestBadSettings(t *testing.T) {
	m := sanity.New(sanity.Config{})
	for name, c := range map[string][2]string{
		"default_checks": {"32768", "default_checks 32768 is not from 0 to 32767"},
		"uri_checks":     {"-1", "uri_checks -1 is not from 0 to 15"},
		"autodrop":       {"2", "autodrop must be 0 or 1, not 2"},
		"proxy_require":  {"foo, bar", "proxy_require can only be empty: to name an extension here would not make the router understand it"},
	} {
		if err := moduletest.Set(t, m, name, c[0]); err == nil || err.Error() != c[1] {
			t.Errorf("%s %s: %v", name, c[0], err)
		}
	}
	if err := moduletest.Set(t, m, "proxy_require", " "); err != nil {
		t.Error(err)
	}
	for _, bad := range [][]string{{"x"}, {"32768"}, {"-1"}, {"1", "16"}} {
		if got := moduletest.Refused(t, m, "sanity_check", bad...); !strings.Contains(got, "is no number from 0 to ") {
			t.Errorf("%q: %s", bad, got)
		}
	}
}
