package module

import "testing"

// TestAVPParam: the AVP of a parameter is named in SER's and in Kamailio's way, and is nothing else.
func TestAVPParam(t *testing.T) {
	for text, want := range map[string]string{
		"i:42": "i:42", "$avp(i:42)": "i:42", "s:received": "received", "$avp(s:received)": "received", "$avp(received)": "received", "received": "received",
		"": "", "$": "", "$avp(": "", "$avp()": "", "$avp(x) ": "", "$avp(x)y": "", "$ru": "", "$var(x)": "", "a b)c": "",
	} {
		var got string
		err := AVPParam("some_avp", &got, "").Set(text, 0)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is the AVP %q, want %q: %v", text, got, want, err)
		}
		if wrong := "some_avp \"" + text + "\" names no AVP: write \"$avp(x)\" or \"i:24\""; err != nil && err.Error() != wrong {
			t.Errorf("%q: %v", text, err)
		}
	}
}
