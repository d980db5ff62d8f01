package module

import (
	"fmt"
	"strings"
)

// AVPParam is a parameter that names an AVP, as Kamailio ("$avp(x)", "$avp(i:24)") and SER ("i:24",
// "s:x") write it; to gets the name that AVP and SetAVP know it by.
func AVPParam(name string, to *string, doc string) Param {
	return Param{Name: name, Kind: String, Doc: doc, Set: func(text string, _ int) error {
		avp, ok := avpNamed(text)
		if !ok {
			return fmt.Errorf("%s %q names no AVP: write \"$avp(x)\" or \"i:24\"", name, text)
		}
		*to = avp
		return nil
	}}
}

// avpNamed is the name in the text of a parameter that is an AVP and nothing else.
func avpNamed(text string) (string, bool) {
	if !strings.HasPrefix(text, "$") {
		text = "$avp(" + text + ")"
	}
	v, n, err := ParseVariable(text, &Scope{})
	if err != nil || n != len(text) {
		return "", false
	}
	return v.AVPName()
}
