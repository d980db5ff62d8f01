package script

import "testing"

// TestScriptTakesGivenBack: where a user has said where his calls go, the script that names
// another place has its word: a gateway, once it has asked who may. What it writes of the
// user part, the port or the headers is no other place.
func TestScriptTakesGivenBack(t *testing.T) {
	for statement, given := range map[string]bool{
		`rewritehost("gw.example")`: false, `rewritehostport("gw.example:5080")`: false, `rewriteuri("sip:x@gw.example")`: false,
		`$ru = "sip:x@gw.example"`: false, `$rd = "gw.example"`: false, `$du = "sip:gw.example"`: false, `revert_uri()`: false,
		`rewriteuser("x")`: true, `prefix("9")`: true, `rewriteport("5080")`: true, `$rU = "x"`: true, `$rp = 5080`: true, `$du = $null`: true,
		`$du = "sip:gw.example"; $du = $null`: true, `$rd = $hdr(X-None)`: true, `$var(x) = "x"; $du = $var(x)`: true, `$var(x) = "x"; $ru = $var(x)`: true,
	} {
		p := compile(t, "route { "+statement+"; }", nil)
		r := p.message(invite, stranger)
		r.Main.Given = true
		p.prog.Request(r)
		if got := r.Main.UsersWord(); got != given {
			t.Errorf("after %s given is %v, want %v", statement, got, given)
		}
	}
}

// TestRewrittenStaysGiven: a script that writes a place anew from the parts of what a user has named has named no
// place: neither where it writes them at once nor where it has kept them. Another place is its own word.
func TestRewrittenStaysGiven(t *testing.T) {
	for statement, given := range map[string]bool{
		`$rd = $rd`: true, `$ru = "sip:" + $rU + "@" + $rd`: true, `$ru = $ru + ";x=y"`: true, `$rd = $rd; $rd = $rd`: true,
		`rewritehost("$rd")`: true, `rewritehostport("$rd:5080")`: true, `rewriteuri("sip:9@$rd:5080")`: true, `$du = "sip:" + $rd`: true,
		`$var(h) = $rd; $rd = "gw.example"; $rd = $var(h)`: true, `$var(h) = $rd; revert_uri(); $rd = $var(h)`: true,
		`$var(h) = $rd; $ru = "sip:x@gw.example"; $du = "sip:" + $var(h)`: true, `$du = "sip:" + $rd; $du = "sip:gw.example"`: false,
		`$ru = "sip:x@gw.example;maddr=" + $rd`: true, `$du = "sip:x@gw.example;maddr=" + $rd`: true,
		`$var(h) = "gw.example"; $rd = $var(h)`: false, `$ru = "sip:" + $rU + "@gw.example"`: false, `$du = "sip:gw.example:" + $rp`: false,
		`rewritehost("$rd"); rewritehost("gw.example")`: false,
	} {
		for name, phone := range map[string]bool{"given": false, "a phone": true} {
			p := compile(t, "route { "+statement+"; }", nil)
			r := p.message(invite, stranger)
			r.Main.URI, r.Main.Given, r.Main.Phone = []byte("sip:0900@192.0.2.10:5062"), !phone, phone
			p.prog.Request(r)
			if got := r.Main.UsersWord(); got != given {
				t.Errorf("%s, after %s given is %v, want %v", name, statement, got, given)
			}
		}
	}
	for branch, given := range map[string]bool{`append_branch("$ru")`: true, `append_branch("$ru;x=y")`: true, `append_branch("sip:9@$rd")`: true,
		`append_branch("sip:$rU@gw.example")`: false, `append_branch("sip:9@gw.example")`: false} {
		p := compile(t, "route { "+branch+"; }", nil)
		r := p.message(invite, stranger)
		r.Main.URI, r.Main.Given = []byte("sip:0900@192.0.2.10:5062"), true
		p.prog.Request(r)
		if len(r.More) != 1 || r.More[0].UsersWord() != given {
			t.Errorf("after %s: %+v, want given %v", branch, r.More, given)
		}
	}
}
