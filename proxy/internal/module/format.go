package module

import (
	"iter"
	"strings"
)

// MaxText bounds a text that a script puts together, in bytes.
const MaxText = 8192

// Format is a text with pseudo-variables in it.
type Format struct{ parts []part }

// part is a piece of a format: text, or a variable.
type part struct {
	text string
	v    *Variable
}

// Errors are all that is wrong with a text; each is a message of its own.
type Errors []error

// maxErrors is how many of them are told of one text.
const maxErrors = 20

// Error is the messages in one.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// ParseFormat cuts a text into its parts: $name and $(name) are variables, $$ is a
// dollar sign, and so is a dollar sign before anything that begins no name. Where
// there is no variable the format is nil and literal is the text. An error is Errors, one for
// each variable that is wrong.
func ParseFormat(text string, s *Scope) (f *Format, literal string, err error) {
	f = &Format{}
	var b strings.Builder
	found := false
	var wrong Errors
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 || i == len(text)-1 {
			break
		}
		b.WriteString(text[:i])
		text = text[i:]
		switch c := text[1]; {
		case c == '$':
			b.WriteByte('$')
			text = text[2:]
			continue
		case !isNameByte(c) && c != '(' || c >= '0' && c <= '9':
			b.WriteByte('$')
			text = text[1:]
			continue
		}
		v, n, err := ParseVariable(text, s)
		if err != nil {
			if len(wrong) < maxErrors {
				wrong = append(wrong, err)
			}
			text = text[n:]
			continue
		}
		if b.Len() > 0 {
			f.parts = append(f.parts, part{text: b.String()})
			b.Reset()
		}
		f.parts = append(f.parts, part{v: v})
		text, found = text[n:], true
	}
	b.WriteString(text)
	if len(wrong) > 0 {
		return nil, "", wrong
	}
	if !found {
		return nil, b.String(), nil
	}
	if b.Len() > 0 {
		f.parts = append(f.parts, part{text: b.String()})
	}
	return f, "", nil
}

// Append appends the text; null stands for a variable without a value.
func (f *Format) Append(dst []byte, c *Ctx, null string) []byte {
	for i := range f.parts {
		dst = f.parts[i].append(dst, c, null)
	}
	return dst
}

func (p *part) append(dst []byte, c *Ctx, null string) []byte {
	if p.v == nil {
		return append(dst, p.text...)
	}
	users := c.users // one that stands in the name of a variable does not count
	v := p.v.Value(c)
	c.users = users || v.Users
	if v.Kind == NullValue || v.Kind == TextValue && len(v.Str) == 0 {
		return append(dst, null...)
	}
	return v.Append(dst)
}

// AppendLine appends the text for a header line or a reason phrase: what the
// variables bring cannot end the line, because control characters in it become
// blanks.
func (f *Format) AppendLine(dst []byte, c *Ctx) []byte {
	for i := range f.parts {
		p := &f.parts[i]
		start := len(dst)
		dst = p.append(dst, c, "")
		if p.v == nil {
			continue
		}
		for j := start; j < len(dst); j++ {
			if dst[j] < ' ' || dst[j] == 0x7f {
				dst[j] = ' '
			}
		}
	}
	return dst
}

// Text is Append into memory that the next Format uses again.
func (f *Format) Text(c *Ctx, null string) []byte {
	i := c.formats
	if i == maxFormats {
		return f.Append(nil, c, null)
	}
	c.formats++
	c.lines[i] = f.Append(c.lines[i][:0], c, null)
	c.formats--
	c.Spend(len(c.lines[i]))
	return c.lines[i]
}

// maxFormats is how many formats may stand in each other, as in $sht(t=>$ru), and be
// written into memory that is there already.
const maxFormats = 4

// Value is the text as a value in c's memory; null if it is longer than MaxText.
func (f *Format) Value(c *Ctx) Value {
	c.users = false
	text := f.Text(c, "")
	if len(text) > MaxText {
		return Value{}
	}
	return Value{Kind: TextValue, Str: c.Keep(text), Users: c.users}
}

// Line is AppendLine in c's memory, nil if the text is longer than MaxText.
func (f *Format) Line(c *Ctx) []byte {
	i := c.formats
	if i == maxFormats {
		return nil // no variable makes header lines
	}
	c.formats++
	c.lines[i] = f.AppendLine(c.lines[i][:0], c)
	c.formats--
	c.Spend(len(c.lines[i]))
	if len(c.lines[i]) > MaxText {
		return nil
	}
	return c.Keep(c.lines[i])
}

// Pieces are the format's texts, and for each variable between them a format of it alone.
func (f *Format) Pieces() iter.Seq2[string, *Format] {
	return func(yield func(string, *Format) bool) {
		for _, p := range f.parts {
			var v *Format
			if p.v != nil {
				v = &Format{parts: []part{p}}
			}
			if !yield(p.text, v) {
				return
			}
		}
	}
}

// Sample is the text with mark in the place of each variable, for checks of what
// stands around them.
func (f *Format) Sample(mark string) string {
	var b strings.Builder
	for _, p := range f.parts {
		if p.v != nil {
			b.WriteString(mark)
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}
