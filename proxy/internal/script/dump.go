package script

import (
	"fmt"
	"slices"
	"strings"
)

// Dump returns the script as it was compiled: includes and defines in place, one
// statement a line, passwords masked. It is a script itself, and means the same.
func (p *Program) Dump() string {
	d := &printer{secret: p.secret}
	if p.dropEnds {
		d.line("#!KAMAILIO") // or drop might mean something else
	}
	d.file(p.tree)
	return d.b.String()
}

// printer writes a script.
type printer struct {
	b      strings.Builder
	indent int
	secret []bool // of each modparam
}

func (d *printer) line(format string, args ...any) {
	for range d.indent {
		d.b.WriteByte('\t')
	}
	fmt.Fprintf(&d.b, format, args...)
	d.b.WriteByte('\n')
}

func (d *printer) file(f *file) {
	for _, g := range f.globals {
		values := make([]string, len(g.values))
		for i, v := range g.values {
			values[i] = shown(v)
		}
		if slices.ContainsFunc(g.values, hides) {
			d.leftOut()
		}
		d.line("%s=%s", g.name, strings.Join(values, " "))
	}
	loaded := map[string]bool{}
	for _, l := range f.loads {
		if !loaded[l.name()] {
			loaded[l.name()] = true
			d.line("loadmodule %s", quote(l.name()+".so"))
		}
	}
	for i, m := range f.modparams {
		v := shown(m.value)
		secret := i < len(d.secret) && d.secret[i]
		if secret {
			v = quote(masked)
		}
		if secret || hides(m.value) {
			d.leftOut()
		}
		d.line("modparam(%s, %s, %s)", quote(m.module.text), quote(m.param.text), v)
	}
	for _, r := range f.routes {
		d.line("")
		name := ""
		switch {
		case r.name == "":
		case all(r.name, isHostByte0):
			name = "[" + r.name + "]"
		default:
			name = "[" + quote(r.name) + "]"
		}
		d.line("%s%s {", kindWords[r.kind], name)
		d.block(r.body)
		d.line("}")
	}
}

func (d *printer) block(list []stmt) {
	d.indent++
	for _, s := range list {
		d.stmt(s)
	}
	d.indent--
}

func (d *printer) stmt(s stmt) {
	switch s := s.(type) {
	case *ifStmt:
		d.ifStmt(s)
	case *switchStmt:
		d.line("switch (%s) {", d.expr(s.value))
		for _, c := range s.cases {
			if c.other {
				d.line("default:")
			} else {
				d.line("case %s:", shown(c.value))
			}
			d.block(c.body)
		}
		d.line("}")
	case *whileStmt:
		d.line("while (%s) {", d.expr(s.cond))
		d.block(s.body)
		d.line("}")
	case *assignStmt:
		d.line("%s = %s;", s.name, d.expr(s.value))
	case *leaveStmt:
		d.leave(s)
	case *call:
		d.line("%s;", d.expr(s))
	}
}

func (d *printer) ifStmt(s *ifStmt) {
	word := "if"
	for _, a := range s.arms {
		d.line("%s (%s) {", word, d.expr(a.cond))
		d.block(a.body)
		word = "} else if"
	}
	if len(s.els) > 0 {
		d.line("} else {")
		d.block(s.els)
	}
	d.line("}")
}

func (d *printer) leave(s *leaveStmt) {
	switch {
	case s.value != nil:
		d.line("%s(%s);", s.word, d.expr(s.value))
	case s.word == "return" && s.code != 1:
		d.line("return(%d);", s.code)
	default:
		d.line("%s;", s.word)
	}
}

// expr writes an expression; operands that are made of several parts stand in
// parentheses.
func (d *printer) expr(x expr) string {
	switch x := x.(type) {
	case *conj:
		return d.joined(x.list, " && ")
	case *disj:
		return d.joined(x.list, " || ")
	case *not:
		return "!" + d.operand(x.x)
	case *compare:
		return x.subject + " " + x.op + " " + shown(x.value)
	case *relation:
		return d.operand(x.left) + " " + x.op + " " + d.operand(x.right)
	case *arith:
		return d.operand(x.left) + " " + x.op + " " + d.operand(x.right)
	case *literal:
		return shown(x.value)
	case *variable:
		return x.text
	case *call:
		return d.call(x)
	}
	return ""
}

func (d *printer) joined(list []expr, op string) string {
	texts := make([]string, len(list))
	for i, x := range list {
		switch x.(type) {
		case *conj, *disj:
			texts[i] = "(" + d.expr(x) + ")"
		default:
			texts[i] = d.expr(x)
		}
	}
	return strings.Join(texts, op)
}

func (d *printer) operand(x expr) string {
	switch x.(type) {
	case *conj, *disj, *not, *compare, *relation, *arith:
		return "(" + d.expr(x) + ")"
	}
	return d.expr(x)
}

func (d *printer) call(c *call) string {
	if !c.parens {
		return c.name
	}
	args := make([]string, len(c.args))
	for i, a := range c.args {
		args[i] = shown(a)
	}
	return c.name + "(" + strings.Join(args, ", ") + ")"
}

// shown is a literal as it stands in a script, without the password of a URL.
func shown(v value) string {
	if !v.quoted {
		return v.text
	}
	text, _ := hider{open: func(string, string) bool { return true }}.mask(v.text, 0)
	return quote(text)
}

// hides reports whether shown leaves something of a literal out.
func hides(v value) bool { return v.quoted && shown(v) != quote(v.text) }

// leftOut says that the next line is not whole.
func (d *printer) leftOut() {
	d.line("# A password is left out of the next line: put it in before this script is used.")
}

// quote writes a text between double quotes so that it is read as it is.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// secrets notes which modparams hold a password, or may.
func (k *compiler) secrets(list []modparam) []bool {
	hidden := make([]bool, len(list))
	for i, m := range list {
		for _, name := range pieces(m.module.text) {
			hidden[i] = hidden[i] || !k.isOpen(name, m.param.text)
		}
	}
	return hidden
}
