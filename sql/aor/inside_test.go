package aor

import "testing"

// TestInside: what leads to one of our own people, and how it is called.
func TestInside(t *testing.T) {
	ours := func(domain string) bool { return domain == "example.org" }
	user := func(a AOR) bool { return a.User == "4711" || a.User == "+49301234" }
	for uri, want := range map[string]string{
		"sip:bob@example.org":                             "sip:bob@example.org",
		"sips:bob@example.org":                            "sips:bob@example.org",
		"sip:Bob@EXAMPLE.org.":                            "sip:bob@example.org",
		"sip:bob@example.org:5060":                        "sip:bob@example.org",
		"sip:bob@example.org;transport=tcp;user=phone":    "sip:bob@example.org",
		"sip:bob@example.org;gr=urn:uuid:1;transport=udp": "sip:bob@example.org;gr=urn:uuid:1",
		"sip:4711@example.org":                            "sip:4711@example.org",
		"sip:+49301234@example.org":                       "sip:+49301234@example.org",
		"sip:49ers@example.org":                           "sip:49ers@example.org",
		"sip:bob@example.net":                             "",
		"sip:bob@example.org:5099":                        "",
		"sip:bob@example.org:15973":                       "",
		"sip:bob@example.org;maddr=192.0.2.1":             "",
		"sip:bob@example.org;x=1;MADDR=192.0.2.1":         "",
		"sip:bob@example.org;m%61ddr=192.0.2.1":           "",
		"sip:+33155501@example.org":                       "",
		"sip:%2B33155501@example.org":                     "",
		"sip:0033155501@example.org":                      "",
		"sip:0033-155.501@example.org":                    "",
		"sip:+33155501;phone-context=x@example.org":       "",
		"sip:112@example.org":                             "",
		"sip:*21*0900%23@example.org":                     "",
		"tel:+33155501":                                   "",
		"tel:4711":                                        "",
		"bob":                                             "",
		"sip:":                                            "",
		"sip:bob@example.org@example.net":                 "",
		"":                                                "",
	} {
		got, ok := Inside(uri, ours, user)
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q %v, want %q", uri, got, ok, want)
		}
	}
}

// TestBeside: a port of ours and a host beside ours are no address of anybody's; other
// domains and numbers are another matter.
func TestBeside(t *testing.T) {
	ours := func(domain string) bool { return domain == "example.org" }
	for uri, want := range map[string]bool{
		"sip:bob@example.org:5070": true, "sips:bob@EXAMPLE.org.:5099;transport=tcp": true,
		"sip:bob@example.org;maddr=192.0.2.1": true, "sip:+4930@example.org:5070": true,
		"sip:bob@example.org": false, "sip:bob@example.org:5060": false, "sips:bob@example.org:5061": false, "sip:+4930@example.org": false,
		"sip:bob@example.net:5070": false, "tel:+4930": false, "sip:": false, "": false,
	} {
		if got := Beside(uri, ours); got != want {
			t.Errorf("%s: %v", uri, got)
		}
	}
}

// FuzzInside: nothing stops it, and what it gives stays inside and the same.
func FuzzInside(f *testing.F) {
	for _, s := range []string{"sip:bob@example.org:5060;gr=x", "sip:+33%31@example.org;maddr=1", "tel:1", "sips:%zz@[::1]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ours := func(domain string) bool { return domain == "example.org" }
		user := func(AOR) bool { return false }
		plain, ok := Inside(s, ours, user)
		if !ok {
			return
		}
		again, ok := Inside(plain, ours, user)
		if a, err := Parse(plain, ""); err != nil || a.Domain != "example.org" || IsNumber(a.User) || !ok || again != plain {
			t.Errorf("%q became %q and then %q", s, plain, again)
		}
	})
}
