package form

import "strings"

// wasPrefix begins the names of the hidden fields in which a page keeps what it showed.
const wasPrefix = "was-"

// IsWas reports whether a field of a form holds what its page showed of another one: nobody
// typed it.
func IsWas(name string) bool { return strings.HasPrefix(name, wasPrefix) }

// Showing is New for what is there already, and is changed field by field: its page carries
// the values a second time, hidden, so that Rebase knows which of them somebody changed.
func Showing(pairs ...string) *Form {
	f := New(pairs...)
	for i := 0; i+1 < len(pairs); i += 2 {
		f.values.Set(wasPrefix+pairs[i], pairs[i+1])
	}
	return f
}

// Was is what the page of the form showed in a field; false for a form that was not made
// by Showing.
func (f *Form) Was(name string) (string, bool) {
	return f.values.Get(wasPrefix + name), f.values.Has(wasPrefix + name)
}

// Rebase brings a form that was sent up to what is there now, a form of Showing: a field
// that was left as its page showed it takes the value of now, whatever changed since. So an
// older page undoes nothing but what somebody typed into it. Fields whose old value was not
// sent along count as typed.
func (f *Form) Rebase(now *Form) {
	for name := range now.values {
		if IsWas(name) {
			continue
		}
		if was, known := f.Was(name); known && plain(was) == plain(f.Value(name)) {
			f.values.Set(name, now.Value(name))
		}
		f.values.Set(wasPrefix+name, now.Value(name))
	}
}

// plain is a value as a field of one line sends it: browsers drop line breaks, and of some
// kinds of fields the space around it (HTML, "value sanitization algorithm").
func plain(value string) string {
	return strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(value))
}
