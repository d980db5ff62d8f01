package view

import (
	"fmt"
	"strings"
)

// Fields is a form as templates see it; form.Form is one.
type Fields interface {
	// Value is what stands in the field.
	Value(name string) string
	// Error is the text that says what is wrong with the field; "" as key if
	// nothing is.
	Error(name string) (key string, args []string)
	// Was is what stood there when the page was made that the form came from, to be
	// carried on; false if it is not to be.
	Was(name string) (string, bool)
}

// Field is one field of a form with its label, hint and error.
type Field struct {
	ID, Name, Value, Label, Hint, Error string
	// Attributes of the input.
	Type, Autocomplete, InputMode, Placeholder, MaxLength string
	Required, AutoFocus, Checked                          bool
	// Described is the id of something else on the page that describes the field.
	Described string
	// List is the id of a datalist with what can be chosen.
	List    string
	Options []Option
	// Was goes along hidden if Kept.
	Was  string
	Kept bool
}

// Option is one choice of a select.
type Option struct {
	Value, Label string
	Selected     bool
}

// DescribedBy are the ids of hint, error and what else describes the field, for aria-describedby.
func (f Field) DescribedBy() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	if f.Error != "" {
		ids = append(ids, f.ID+"-error")
	}
	if f.Described != "" {
		ids = append(ids, f.Described)
	}
	return strings.Join(ids, " ")
}

// field makes a Field: {{template "field" (field .Data.Form "email" "type=email" "maxlength=254")}}.
// Its label is the text field.NAME unless label= names another one. Options:
// type= autocomplete= inputmode= placeholder= maxlength= label= hint= id= describe= list= required autofocus;
// describe is the id of something else that describes it; label, hint and placeholder are keys of texts.
func (t *Texts) field(form Fields, name string, options ...string) (Field, error) {
	f := Field{ID: "f-" + name, Name: name, Value: form.Value(name), Label: "field." + name, Type: "text"}
	for _, option := range options {
		if err := f.set(option); err != nil {
			return f, fmt.Errorf("field %s: %w", name, err)
		}
	}
	f.Checked = f.Value != ""
	f.Was, f.Kept = form.Was(name)
	f.Label = t.Text(M(f.Label))
	if f.Hint != "" {
		f.Hint = t.Text(M(f.Hint))
	}
	if f.Placeholder != "" {
		f.Placeholder = t.Text(M(f.Placeholder))
	}
	if key, args := form.Error(name); key != "" {
		f.Error = t.Text(M(key, args...))
	}
	if f.Type == "password" {
		f.Value = "" // never sent back
	}
	return f, nil
}

func (f *Field) set(option string) error {
	name, value, _ := strings.Cut(option, "=")
	switch name {
	case "type":
		f.Type = value
	case "autocomplete":
		f.Autocomplete = value
	case "inputmode":
		f.InputMode = value
	case "placeholder":
		f.Placeholder = value
	case "maxlength":
		f.MaxLength = value
	case "label":
		f.Label = value
	case "hint":
		f.Hint = value
	case "id":
		f.ID = value
	case "list":
		f.List = value
	case "describe":
		f.Described = value
	case "required":
		f.Required = true
	case "autofocus":
		f.AutoFocus = true
	default:
		return fmt.Errorf("unknown option %q", option)
	}
	return nil
}

// choice is field for a select: {{template "select" (choice .Data.Form "group" .Data.Groups)}}.
func (t *Texts) choice(form Fields, name string, options []Option, more ...string) (Field, error) {
	f, err := t.field(form, name, more...)
	for _, o := range options {
		o.Selected = o.Value == f.Value
		f.Options = append(f.Options, o)
	}
	return f, err
}
