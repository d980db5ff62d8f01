package module

import (
	"errors"
	"fmt"
	"strings"
)

// Variable is a pseudo-variable as it stands in a script: $ru, $hdr(Subject),
// $var(name).
type Variable struct {
	name string
	arg  string
	def  *variable
	slot int // of $var
	// ofModule says that a module brings it.
	ofModule bool
}

// variable is what there is to know of a name.
type variable struct {
	get func(c *Ctx, v *Variable) Value
	set func(c *Ctx, v *Variable, x Value) bool // nil if it cannot be set
	arg string                                  // what stands in the parentheses, "" for nothing
	doc string                                  // one line for the reference
	// takes says what may be set, where not every value may.
	takes string
}

// String is the variable as it is written.
func (v *Variable) String() string {
	if v.arg == "" {
		return "$" + v.name
	}
	return "$" + v.name + "(" + v.arg + ")"
}

// Value is its value in a run.
func (v *Variable) Value(c *Ctx) Value { return v.def.get(c, v) }

// Writable says that a script may set it.
func (v *Variable) Writable() bool { return v.def.set != nil }

// AVPName is the name of the AVP that the variable is; ok is false for others.
func (v *Variable) AVPName() (name string, ok bool) { return v.arg, v.name == "avp" }

// Own says that it is the script's own, $var, $avp or a module's, and not the message's.
func (v *Variable) Own() bool { return v.name == "var" || v.name == "avp" || v.ofModule }

// Set gives it a value. False means that the value cannot stand there.
func (v *Variable) Set(c *Ctx, x Value) bool { return v.def.set(c, v, x) }

// Check says what is right for a value that can never stand there, whatever the message: it is
// tried on a Request-URI that has nothing special. nil of variables that are not the message's.
func (v *Variable) Check(x Value) error {
	if v.def.takes == "" {
		return nil
	}
	c := &Ctx{}
	c.Main.URI = []byte("sip:bob@example.org")
	if v.def.set(c, v, x) {
		return nil
	}
	return fmt.Errorf("%s takes %s", v, v.def.takes)
}

// isNameByte tells what a variable's name is made of.
func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// VariableLength returns how many bytes of text, which begins with a dollar sign,
// look like a variable; at least 1.
func VariableLength(text string) int {
	if strings.HasPrefix(text, "$(") {
		return closing(text, 1)
	}
	n := 1
	for n < len(text) && isNameByte(text[n]) {
		n++
	}
	// Only names that have an argument take the parenthesis: a text may go on with one.
	if n < len(text) && text[n] == '(' && takesArgument(text[1:n]) {
		return closing(text, n)
	}
	return n
}

func takesArgument(name string) bool {
	d, known := variables[name]
	return !known || d.arg != ""
}

// maxVariable bounds how long a variable is in a script, in bytes.
const maxVariable = 1024

// closing returns the offset after the parenthesis that closes the one at open, on
// the same line; that of the line's end if there is none.
func closing(text string, open int) int {
	depth := 0
	for i := open; i < len(text); i++ {
		if i > maxVariable {
			return i
		}
		switch text[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		case '\n', '"', '\'':
			return i
		}
	}
	return len(text)
}

// ParseVariable reads the variable that text begins with, and returns how long it
// is there.
func ParseVariable(text string, s *Scope) (v *Variable, n int, err error) {
	n = VariableLength(text)
	inner := text[1:n]
	if strings.HasPrefix(inner, "(") {
		if inner[len(inner)-1] != ')' || len(inner) < 3 {
			return nil, n, fmt.Errorf("%s is not closed", cutTo(text[:n], 40))
		}
		inner = inner[1 : len(inner)-1]
	}
	name, arg, has := strings.Cut(inner, "(")
	if has {
		if end := closing(inner, len(name)); end < len(inner) && (inner[end] == '{' || inner[end] == '[') {
			return nil, n, noTransformations(inner[:end])
		}
		if !strings.HasSuffix(arg, ")") {
			return nil, n, variableForm(name)
		}
		arg = strings.TrimSpace(strings.TrimSuffix(arg, ")"))
	}
	v, err = newVariable(name, arg, has, s)
	return v, n, err
}

func cutTo(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

func wants(name, form string) error { return fmt.Errorf("$%s wants %s", name, form) }

// variableForm says how a variable is written.
func variableForm(name string) error {
	if d, ok := variables[name]; ok && d.arg != "" {
		return wants(name, d.arg)
	}
	return fmt.Errorf("$%s is not closed", cutTo(name, 40))
}

// noTransformations refuses what stands behind a variable.
func noTransformations(variable string) error {
	return fmt.Errorf("transformations and indexes are not supported: write $%s", cutTo(variable, 40))
}

func newVariable(name, arg string, has bool, s *Scope) (*Variable, error) {
	if i := strings.IndexAny(name, "{["); i >= 0 {
		return nil, noTransformations(name[:i])
	}
	if v, err := moduleVariable(name, arg, s); v != nil || err != nil {
		return v, err
	}
	d, ok := variables[name]
	if owner := s.elsewhere(name); !ok && owner != "" {
		return nil, fmt.Errorf("$%s is a variable of module %s, which is not loaded", name, owner)
	}
	if !ok {
		return nil, fmt.Errorf("there is no variable $%s%s", cutTo(name, 40), meant(name))
	}
	v := &Variable{name: name, arg: arg, def: d}
	switch {
	case d.arg == "" && has:
		return nil, fmt.Errorf("$%s takes nothing in parentheses", name)
	case d.arg != "" && arg == "":
		return nil, variableForm(name)
	case d.arg == "":
		return v, nil
	}
	return v, v.bind(s)
}

// meant names the variable that is most like name.
func meant(name string) string {
	if n := Nearest(name, VariableNames()); n != "" {
		return "; did you mean $" + n + "?"
	}
	return "; a dollar sign itself is $$"
}

// bind checks the argument.
func (v *Variable) bind(s *Scope) error {
	if v.name == "hdr" {
		for i := range len(v.arg) {
			if c := v.arg[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}$", c) >= 0 {
				return variableForm(v.name)
			}
		}
		return nil
	}
	v.arg = strings.TrimPrefix(v.arg, "s:")
	for i := range len(v.arg) {
		if c := v.arg[i]; !isNameByte(c) && c != '-' && c != '.' && c != ':' || len(v.arg) > 64 {
			return variableForm(v.name)
		}
	}
	if v.name != "var" {
		return nil
	}
	if s == nil {
		return errors.New("$var has no place outside a script")
	}
	if v.slot = s.slot(v.arg); v.slot < 0 {
		return fmt.Errorf("a script has at most %d different $var", MaxScriptVars)
	}
	return nil
}
