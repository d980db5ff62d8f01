package sip

import (
	"errors"
	"fmt"
	"testing"
)

func TestParseURI(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"sip:bob@example.org", "1 bob true  example.org 0  "},
		{"SIP:example.org", "1  false  example.org 0  "},
		{"sips:b:secret@[2001:db8::1]:5061;transport=tcp;lr?Subject=x&y", "2 b true secret [2001:db8::1] 5061 transport=tcp;lr Subject=x&y"},
		{"sip:user;par=1?x@host", "1 user;par=1?x true  host 0  "},
		{"sip:alice%40home@h_1.example.org:1", "1 alice%40home true  h_1.example.org 1  "},
		{"tel:+1-201-555;phone-context=example.org", "3 +1-201-555 true   0 phone-context=example.org "},
		{"http://example.org/x?y", "0  false   0  "},
		{"", ""}, {"sip:", ""}, {"sip:@host", ""}, {"sip:a@b@c", ""}, {"sip:a@", ""}, {"sip:host:0", ""}, {"sip:host:65536", ""}, {"sip:host:", ""},
		{"sip:host:5060x", ""}, {"sip:[::1", ""}, {"sip:[]", ""}, {"sip:[zz::1]", ""}, {"sip:a b", ""}, {"sip:a\x00", ""}, {"<sip:a>", ""}, {"sip:a\"", ""},
		{"sip:bob@example.org.", "1 bob true  example.org. 0  "}, // an absolute name
		{"sip:bob@example.org.:5070", "1 bob true  example.org. 5070  "},
		{"sip:bob@example.org..", ""}, {"sip:bob@example..org", ""}, {"sip:bob@.example.org", ""}, {"sip:bob@.", ""}, {"sips:..", ""},
		{"sip:bob@example.org..:5060;lr", ""}, {"sip:b..b@example.org;x=..", "1 b..b true  example.org 0 x=.. "}, // not in the host
		{"nocolon", ""}, {":x", ""}, {"tel:", ""}, {"s/p:x", ""},
	} {
		var u URI
		err := ParseURI([]byte(c.in), &u)
		got := fmt.Sprintf("%d %s %v %s %s %d %s %s", u.Scheme, u.User, u.HasUser, u.Password, u.Host, u.Port, u.Params, u.Headers)
		if (err != nil) != (c.want == "") || err == nil && got != c.want {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestParseNameAddr(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"<sip:a@b>", "|sip:a@b||"},
		{`"A; <\"B\">" <sip:a@b;x=y>;tag=1;q=0.5`, `"A; <\"B\">"|sip:a@b;x=y|tag=1;q=0.5|1`},
		{"sip:a@b;tag=1", "|sip:a@b|tag=1|1"},
		{"A B C<sip:a@b> ; TAG = x ", "A B C|sip:a@b| TAG = x|x"},
		{"<sip:a@b>;x=\";tag=no\";tag=yes", "|sip:a@b|x=\";tag=no\";tag=yes|yes"},
		{"<sip:a@b>;tag", "|sip:a@b|tag|"},
		{"", ""}, {"<>", ""}, {"<sip:a@b", ""}, {"\"open <sip:a@b>", ""}, {"<sip:a@b>, <sip:c@d>", ""}, {"<sip:a@b>x", ""}, {"sip:a b", ""}, {";tag=1", ""}, {"\"", ""},
		{"\"x<sip:a>", ""}, {"<sip:a@b>;x=\"open", ""}, {"<sip:<a>", ""},
		// A list, or what may be read as one address or another, is refused; other names without quotes are not.
		{"<sip:a@b>;tag=1, <sip:c@d>;tag=2", ""}, {"<sip:a@b>;tag=1,", ""}, {"sip:a@b;tag=1,<sip:c@d>", ""}, {"sip:a@b;x=\"\\\",\",y", ""}, {"<sip:a@b>;x=\",\";y=z,w", ""},
		{"sip:a@b, <sip:c@d>", ""}, {"sip:a@b <sip:c@d>", ""}, {"sip:a@b;x=<sip:c@d>", ""}, {`"A" sip:a@b <sip:c@d>`, ""},
		{`<sip:a@b>;x="a,b\",";tag=1`, `|sip:a@b|x="a,b\",";tag=1|1`}, {`"Bell: \", A" <sip:a@b>`, `"Bell: \", A"|sip:a@b||`},
		{"Bell, Alexander <sip:a@b>", "Bell, Alexander|sip:a@b||"}, {"a@b <sip:c@d>", "a@b|sip:c@d||"}, {"Jürg (2) <sip:a@b>", "Jürg (2)|sip:a@b||"},
		{"<sip:a@b?x=y>", "|sip:a@b?x=y||"}, {"<sip:a,b@c>", "|sip:a,b@c||"}, {"sip:a@b?x=y", ""}, {"sip:a,b@c", ""}, // RFC 3261 §20
	} {
		var a NameAddr
		err := ParseNameAddr([]byte(c.in), &a)
		got := fmt.Sprintf("%s|%s|%s|%s", a.Display, a.URI, a.Params, a.Tag)
		if (err != nil) != (c.want == "") || err == nil && got != c.want {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestParseVia(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"SIP/2.0/UDP a.example.org:5060;branch=z9hG4bK1;rport", "UDP a.example.org 5060 z9hG4bK1  true "},
		{"SIP / 2.0 / TCP [2001:db8::1] ; received = 1.2.3.4 ; rport=9", "TCP [2001:db8::1] 0  1.2.3.4 true 9"},
		{"sip/2.0/udp a;branch=\"q\"", "udp a 0 q  false "},
		{"SIP/2.0/UDP", ""}, {"SIP/2.0", ""}, {"", ""}, {"SIP/3.0/UDP a", ""}, {"SIP/2.0/UDP a:b", ""}, {"SIP/2.0/UDP a:99999", ""},
		{"SIP/2.0/UDP a b", ""}, {"SIP/2.0/U(P a", ""}, {"SIP/2.0/UDP a;x=\"open", ""},
	} {
		var v Via
		err := parseVia([]byte(c.in), &v)
		got := fmt.Sprintf("%s %s %d %s %s %v %s", v.Transport, v.Host, v.Port, v.Branch, v.Received, v.HasRPort, v.RPort)
		if (err != nil) != (c.want == "") || err == nil && got != c.want {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestParseCredentials(t *testing.T) {
	const good = `username="al\"ice", realm="r, s", nonce="n", uri="sip:x;y", response="00"`
	var c Credentials
	if err := ParseCredentials([]byte("dIGEST  "+good+`, algorithm=MD5 , qop=auth,nc=00000001, cnonce="c", opaque="", unknown="x"`), &c); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s|%s|%s|%v", c.Username, c.Realm, c.Nonce, c.URI, c.Response, c.Algorithm, c.QOP, c.NC, c.CNonce, c.Opaque != nil); got != `al\"ice|r, s|n|sip:x;y|00|MD5|auth|00000001|c|true` {
		t.Error(got)
	}
	for _, bad := range []string{"", "Digest", "Digest ", "Basic YTpi", "Digestx " + good, "Digest " + good + `, realm="t"`, "Digest " + good + ", nc",
		`Digest realm="r", nonce="n", uri="u", response="0"`, `Digest username="", realm="r", nonce="n", uri="u", response="0"`,
		`Digest username="a", realm="r", nonce="n", uri="u"`, `Digest username="a", realm="r", nonce="", uri="u", response="0"`} {
		if err := ParseCredentials([]byte(bad), &c); !errors.Is(err, ErrDigest) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestParams(t *testing.T) {
	for _, c := range []struct{ in, name, want string }{
		{"a=1;b=\"x;y\";c", "b", "x;y"}, {"a=1;b=\"x;y\";c", "C", "+"}, {"a=1;;b = 2 ", "b", "2"}, {"a=\"\\\";b=no\";b=yes", "b", "yes"},
		{"a", "b", "-"}, {"", "a", "-"}, {"a=", "a", ""}, {"a=b=c", "a", "b=c"},
	} {
		v, ok := Param([]byte(c.in), c.name)
		got := string(v)
		switch {
		case !ok:
			got = "-"
		case v == nil:
			got = "+"
		}
		if got != c.want {
			t.Errorf("%s of %q is %q, want %q", c.name, c.in, got, c.want)
		}
	}
	for in, want := range map[string]int64{"0": 0, "0068": 68, "4294967295": 4294967295, "4294967296": -1, "": -1, "-1": -1, "1 ": -1, "99999999999999999999999": -1} {
		n, ok := ParseUint([]byte(in), 1<<32-1)
		if got := int64(n); ok != (want >= 0) || ok && got != want {
			t.Errorf("%q is %d, %v", in, n, ok)
		}
	}
}
