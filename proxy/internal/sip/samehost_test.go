package sip

import (
	"bytes"
	"testing"
)

// TestSameHost: a host is the same however it is spelt, and no other one is.
func TestSameHost(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"example.org", "EXAMPLE.org.", true},
		{"192.0.2.8", "192.0.2.8", true},
		{"[2001:db8::8]", "[2001:DB8:0:0:0:0:0:8]", true},
		{"[2001:db8::8]", "2001:db8::0008", true},
		{"[2001:db8::8]", "[2001:db8::8]", true},
		{"[2001:db8::8]", "[2001:db8::9]", false},
		{"[fe80::1%a]", "[fe80::1%b]", false},
		{"example.org", "example.com", false},
		{"example.org", "example.org.x", false},
		{"192.0.2.8", "192.0.2.80", false},
		{"192.0.2.8", "[::ffff:192.0.2.8]", true}, {"[::FFFF:c000:208]", "192.0.2.8", true}, {"192.0.2.9", "[::ffff:192.0.2.8]", false},
		{"pbx8", "[::ffff:192.0.2.8]", false}, {"", "[::ffff:192.0.2.8]", false},
		{"[::g]", "[::h]", false},
		{"", ".", false},
	} {
		if got := SameHost([]byte(c.a), []byte(c.b)); got != c.want || SameHost([]byte(c.b), []byte(c.a)) != got {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}

// TestURIWithoutAParameter: the parameters of that name go, all of them, and nothing else.
func TestURIWithoutAParameter(t *testing.T) {
	for in, want := range map[string]string{
		"sip:a@10.0.0.1":                               "sip:a@10.0.0.1",
		"sip:a@10.0.0.1;ob;alias=x~1~2;x=1?h=v":        "sip:a@10.0.0.1;ob;x=1?h=v",
		"sip:10.0.0.1;ALIAS=x":                         "sip:10.0.0.1",
		"sip:a;alias=b@10.0.0.1;alias=x;alias":         "sip:a;alias=b@10.0.0.1",
		"sip:a@10.0.0.1?alias=x":                       "sip:a@10.0.0.1?alias=x",
		"sip:a@[2001:db8::1]:5070;transport=tcp;alias": "sip:a@[2001:db8::1]:5070;transport=tcp",
		"sip:a@10.0.0.1;;aliases=1;":                   "sip:a@10.0.0.1;;aliases=1;",
		"tel:+49;alias=x;isub=1":                       "tel:+49;isub=1",
	} {
		var u URI
		if err := ParseURI([]byte(in), &u); err != nil {
			t.Fatal(in, err)
		}
		if got := string(u.AppendWithout([]byte("<"), "alias")); got != "<"+want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

// FuzzURIWithoutAParameter: what is left has no such parameter, and is all that was there if there was none.
func FuzzURIWithoutAParameter(f *testing.F) {
	f.Add([]byte("sip:a;alias=b@10.0.0.1;alias=x;lr?alias=1"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var u, v URI
		if ParseURI(in, &u) != nil {
			return
		}
		out := u.AppendWithout(nil, "alias")
		if err := ParseURI(out, &v); err != nil {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		if _, has := v.Param("alias"); has {
			t.Fatalf("%q became %q", in, out)
		}
		if _, has := u.Param("alias"); !has && !bytes.Contains(bytes.ToLower(u.Params), []byte("alias")) && !bytes.Equal(in, out) {
			t.Fatalf("%q became %q", in, out)
		}
	})
}
