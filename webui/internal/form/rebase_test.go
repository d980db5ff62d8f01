package form_test

import (
	"testing"

	"seraph/webui/internal/form"
)

// TestRebase: what was left as the page showed it is as it is now; what somebody typed stays.
func TestRebase(t *testing.T) {
	now := form.Showing("name", "Bob", "phone", "+49 2", "findable", "")
	for _, c := range []struct{ what, body, name, phone, findable string }{
		{"nothing typed", "name=Robert&was-name=Robert&phone=%2B49+1&was-phone=%2B49+1&findable=on&was-findable=on", "Bob", "+49 2", ""},
		{"one field", "name=Robert&was-name=Robert&phone=%2B49+3&was-phone=%2B49+1&was-findable=", "Bob", "+49 3", ""},
		{"a box ticked", "name=Robert&was-name=Robert&phone=&was-phone=&findable=on&was-findable=", "Bob", "+49 2", "on"},
		{"a box cleared", "name=Robert&was-name=Robert&phone=&was-phone=&was-findable=on", "Bob", "+49 2", ""},
		{"a field emptied", "name=&was-name=Robert&phone=&was-phone=&was-findable=", "", "+49 2", ""},
		{"space and line breaks that fields drop", "name=Ro+bert&was-name=+Ro+bert%0D%0A&phone=&was-phone=&was-findable=", "Bob", "+49 2", ""},
		{"no page of ours", "name=Robert&phone=%2B49+1&findable=on", "Robert", "+49 1", "on"},
	} {
		f := parse(t, c.body)
		f.Rebase(now)
		if f.Value("name") != c.name || f.Value("phone") != c.phone || f.Value("findable") != c.findable {
			t.Errorf("%s: %q, %q, %q", c.what, f.Value("name"), f.Value("phone"), f.Value("findable"))
		}
		for _, name := range []string{"name", "phone", "findable"} {
			if was, known := f.Was(name); !known || was != now.Value(name) {
				t.Errorf("%s: shown once more, the page says that %s was %q, %v", c.what, name, was, known)
			}
		}
	}
	if _, known := form.New("name", "Bob").Was("name"); known {
		t.Error("a new form says that something was")
	}
	if !form.IsWas("was-name") || form.IsWas("name") {
		t.Error("what nobody types is not told from what people type")
	}
}
