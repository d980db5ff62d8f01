package module

import (
	"cmp"
	"strconv"
)

// ValueKind is the type of a Value.
type ValueKind uint8

// The types of values.
const (
	NullValue ValueKind = iota
	NumberValue
	TextValue
)

// Value is what a pseudo-variable or an expression has come to. It is valid as
// long as its message is worked on.
type Value struct {
	Kind ValueKind
	// Users says of a text that it has in it where a user has said that a target leads (relay.Target.OwnersWord): of
	// $ru, $rd and $du of a found phone, and of what a script makes of these.
	Users bool
	Num   int64
	Str   []byte
}

// Number and Text make values; a text that is nil is no value.
func Number(n int64) Value { return Value{Kind: NumberValue, Num: n} }

// Text is the value of a text.
func Text(b []byte) Value {
	if b == nil {
		return Value{}
	}
	return Value{Kind: TextValue, Str: b}
}

// Append appends the text of the value; null has none.
func (v Value) Append(dst []byte) []byte {
	switch v.Kind {
	case NumberValue:
		return strconv.AppendInt(dst, v.Num, 10)
	case TextValue:
		return append(dst, v.Str...)
	}
	return dst
}

// Int is the value as a number: of a text, if it is one as a whole. Null is 0.
func (v Value) Int() (int64, bool) {
	if v.Kind == TextValue {
		return parseInt(v.Str)
	}
	return v.Num, true
}

// maxDigits keeps parseInt within 63 bits.
const maxDigits = 18

func parseInt(b []byte) (int64, bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > maxDigits {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// AsNumber is what the value counts as beside a number, as in Kamailio: a number itself, a text
// the whole number that it reads as, a + before it allowed, and 0 where it reads as none. Null
// is 0. A text may have 18 digits, where Kamailio has 32 bits.
func (v Value) AsNumber() int64 {
	if v.Kind != TextValue {
		return v.Num
	}
	digits := v.Str
	if len(digits) > 1 && digits[0] == '+' && digits[1] != '-' {
		digits = digits[1:]
	}
	n, _ := parseInt(digits)
	return n
}

// Count is what the value counts as in a condition, as in Kamailio: AsNumber, but of a text 0
// where the number has more than 32 bits. Alone it is true above 0, so that what a call has
// returned means the same as the call; beside && and || and after while it is true unless it is
// 0, and ! asks whether it is 0.
func (v Value) Count() int64 {
	n := v.AsNumber()
	if v.Kind == TextValue && n != int64(int32(n)) {
		return 0
	}
	return n
}

// Equal compares two values as the kind of the left one, v, as Kamailio does: with a number on
// the left the other one is AsNumber, so that 5 equals "05"; with a text on the left both are
// texts, so that "05" does not equal 5 and what a caller has dialled is what he has dialled.
// Case does not count. Null equals null, the number 0 and the empty text, on either side, and
// neither "0" nor a text that is no number.
func (v Value) Equal(w Value) bool {
	switch {
	case v.Kind == NullValue || w.Kind == NullValue:
		return v.isBlank() && w.isBlank()
	case v.Kind == NumberValue:
		return v.Num == w.AsNumber()
	case w.Kind == NumberValue:
		var room [20]byte
		return foldEqual(v.Str, strconv.AppendInt(room[:0], w.Num, 10))
	}
	return foldEqual(v.Str, w.Str)
}

// isBlank tells what equals null.
func (v Value) isBlank() bool { return v.Num == 0 && len(v.Str) == 0 }

// Compare orders two values as numbers (AsNumber): -1, 0 or 1. A text that is no number is 0, so
// that a bound which a stranger's header is to keep holds for nonsense, too.
func (v Value) Compare(w Value) int { return cmp.Compare(v.AsNumber(), w.AsNumber()) }

func foldEqual(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Restart begins a new run of a route block of a kind, in which nothing was done yet;
// the block counts as so many steps.
func (c *Ctx) Restart(kind Routes, steps int) {
	c.Route, c.ReturnCode, c.Depth, c.Steps = kind, True, 1, steps
	c.Looped = false
	c.formats = 0 // where a fault has ended the last run
}

// Spend counts bytes that the run has written or searched, sixteen as one step.
func (c *Ctx) Spend(bytes int) { c.Steps += bytes / 16 }

// kept makes a text value of what was appended to c.scratch.
func (c *Ctx) kept(b []byte) Value {
	c.scratch = b
	if len(b) == 0 {
		return Value{}
	}
	return Text(c.Keep(b))
}

// TextOf is the value as text, in c's memory if it is a number.
func (c *Ctx) TextOf(v Value) []byte {
	if v.Kind == NumberValue {
		return c.kept(v.Append(c.scratch[:0])).Str
	}
	return v.Str
}

// Join is the text of two values one after the other; null if it is longer than
// MaxText.
func (c *Ctx) Join(a, b Value) Value {
	c.scratch = b.Append(a.Append(c.scratch[:0]))
	if len(c.scratch) > MaxText {
		return Value{}
	}
	c.Spend(len(c.scratch))
	return Value{Kind: TextValue, Str: c.Keep(c.scratch), Users: a.Users || b.Users}
}
