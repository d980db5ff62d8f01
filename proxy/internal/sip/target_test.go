package sip

import "testing"

// TestTargetURI: what a contact may say and a Request-URI not.
func TestTargetURI(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:bob@h": "sip:bob@h", "sip:bob@h;transport=tcp;lr": "sip:bob@h;transport=tcp;lr", "sip:h?a=b": "sip:h", "sips:bob@h:5061?": "sips:bob@h:5061",
		"sip:bob@h?Route=%3Csip:1.2.3.4%3E&Subject=a?b": "sip:bob@h", "sip:bob?x@h": "sip:bob?x@h", "sip:bob?x@h?Subject=y": "sip:bob?x@h",
		"sip:bob@h;a=b?x": "sip:bob@h;a=b", "sip:bob@h;method=BYE": "sip:bob@h", "sip:bob@h;a;METHOD=BYE;b=c?Subject=x": "sip:bob@h;a;b=c",
		"sip:bob@h;method;method=BYE;x": "sip:bob@h;x", "sip:bob;method=BYE@h": "sip:bob;method=BYE@h", "sip:bob@h;methods=BYE": "sip:bob@h;methods=BYE",
		"tel:+49?x": "tel:+49?x", "sip:@": "sip:@", "": "", "urn:a?b": "urn:a?b",
	} {
		if got := string(TargetURI([]byte(uri))); got != want {
			t.Errorf("%s becomes %s, want %s", uri, got, want)
		}
	}
}

// TestTargetURIKeeps: the contact is as it was.
func TestTargetURIKeeps(t *testing.T) {
	const contact = "sip:bob@h;method=BYE;x?Subject=y"
	uri := []byte(contact)
	_ = append(TargetURI(uri), "more"...)
	if string(uri) != contact {
		t.Errorf("the contact has become %s", uri)
	}
}

// TestParseQ: what phones write, and what is no number or out of range.
func TestParseQ(t *testing.T) {
	for text, want := range map[string]int16{
		"0": 0, "1": 1000, "0.5": 500, "0.05": 50, "0.005": 5, "0.": 0, "1.000": 1000, ".5": 500, "0.12345": 123, "00.5": 500, "01": 1000,
		"1.0000000": 1000, "0.9999": 999, "0.0000000000000000000000001": 0, "0000000000000000000000001": 1000,
		"1.001": -1, "1.0001": -1, "1.00000000001": -1, "1.5": -1, "2": -1, "10": -1, "99999999999999999999": -1, "-1": -1, "-0.5": -1, "": -1, ".": -1,
		"0.x": -1, "0.-1": -1, "no": -1, "0,5": -1, "0.5.5": -1, "1e-1": -1, "5%": -1, " 0.5": -1,
	} {
		got, ok := ParseQ([]byte(text))
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("q=%s is %d (%v), want %d", text, got, ok, want)
		}
	}
}
