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
