// Package form reads what people typed into forms, keeps it as typed, and keeps
// beside each field what is wrong with it.
package form

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"seraph/sql/store"
)

// Form is the fields of one form. Errors are named by keys of the catalogue.
type Form struct {
	values url.Values
	faults map[string]fault
}

type fault struct {
	key  string
	args []string
}

// Parse reads the body of a POST, not the address. The server has bounded its
// length before.
func Parse(r *http.Request) (*Form, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	return &Form{values: r.PostForm, faults: map[string]fault{}}, nil
}

// New makes a form that shows values, in pairs of name and value.
func New(pairs ...string) *Form {
	f := &Form{values: url.Values{}, faults: map[string]fault{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.values.Set(pairs[i], pairs[i+1])
	}
	return f
}

// Value is what was typed into a field.
func (f *Form) Value(name string) string { return f.values.Get(name) }

// Set replaces what is shown in a field.
func (f *Form) Set(name, value string) { f.values.Set(name, value) }

// Error is what is wrong with a field; "" as key if nothing is.
func (f *Form) Error(name string) (key string, args []string) {
	found := f.faults[name]
	return found.key, found.args
}

// Fail notes what is wrong with a field; the first fault of a field counts.
// The field "" is the form as a whole.
func (f *Form) Fail(name, key string, args ...string) {
	if _, already := f.faults[name]; !already {
		f.faults[name] = fault{key, args}
	}
}

// OK reports whether nothing is wrong so far.
func (f *Form) OK() bool { return len(f.faults) == 0 }

// Text is a field's value without space around it, at most most characters
// long. Otherwise, and if it holds control characters or such as turn the direction of
// the text around it, the field is at fault.
func (f *Form) Text(name string, most int) string {
	text := strings.TrimSpace(f.Value(name))
	switch {
	case !utf8.ValidString(text), strings.ContainsFunc(text, unicode.IsControl):
		f.Fail(name, "form.characters")
	case strings.ContainsFunc(text, func(c rune) bool { return unicode.Is(unicode.Bidi_Control, c) }):
		f.Fail(name, "form.direction")
	case utf8.RuneCountInString(text) > most:
		f.Fail(name, "form.long", strconv.Itoa(most))
	}
	return text
}

// Required is Text that must not be empty.
func (f *Form) Required(name string, most int) string {
	text := f.Text(name, most)
	if text == "" {
		f.Fail(name, "form.empty")
	}
	return text
}

// Checked reports whether a checkbox was sent.
func (f *Form) Checked(name string) bool { return f.Value(name) != "" }

// Checked is the value that a form shows in a checkbox: what a browser sends of one that
// is on, or nothing.
func Checked(on bool) string {
	if on {
		return "on"
	}
	return ""
}

// Choice is a field's value, which must be one of those allowed.
func (f *Form) Choice(name string, allowed ...string) string {
	value := f.Value(name)
	if !slices.Contains(allowed, value) {
		f.Fail(name, "form.choice")
	}
	return value
}

// ID is the number of a row; false if the field holds none.
func (f *Form) ID(name string) (int64, bool) {
	n, err := strconv.ParseInt(f.Value(name), 10, 64)
	return n, err == nil && n > 0
}

// Take puts a store's *FieldError beside its field and reports whether err was
// one. The store names fields as our forms do.
func (f *Form) Take(err error) bool {
	var field *store.FieldError
	if !errors.As(err, &field) {
		return false
	}
	key, args := Reason(field)
	f.Fail(field.Field, key, args...)
	return true
}
