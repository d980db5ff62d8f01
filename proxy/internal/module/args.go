package module

import (
	"fmt"
	"strconv"

	"seraph/proxy/internal/sip"
)

// Int is the argument as a whole number from min to max; it may be written as a
// string. The error says what would be right.
func (a Arg) Int(min, max int) (int, error) {
	n, err := strconv.Atoi(a.Str)
	if a.Str == "" && a.Kind == Int {
		n, err = a.Num, nil
	}
	if err != nil || n < min || n > max {
		return 0, fmt.Errorf("%q is no number from %d to %d", a.Str, min, max)
	}
	return n, nil
}

// ReplyArgs reads the arguments of a function that answers: a status from 100 to
// 699 and, if it is there, the reason phrase, else the usual one.
func ReplyArgs(args []Arg) (status int, reason string, err error) {
	if status, err = args[0].Int(100, 699); err != nil {
		return 0, "", fmt.Errorf("status %w", err)
	}
	if len(args) < 2 || args[1].Str == "" {
		return status, sip.ReasonPhrase(status), nil
	}
	reason = args[1].Str
	for i := range len(reason) {
		if c := reason[i]; c < ' ' || c == 0x7f {
			return 0, "", fmt.Errorf("reason phrase %q holds a control character", reason)
		}
	}
	return status, reason, nil
}

// Format cuts the text into its parts. Where it holds no variable the format is nil
// and literal is the text.
func (a Arg) Format() (f *Format, literal string, err error) { return ParseFormat(a.Str, a.Scope) }

// ReplyText is the reason phrase of a function that answers, which may hold
// pseudo-variables.
type ReplyText struct {
	Status int
	reason string
	format *Format
}

// Reply is the reply in a run.
func (t *ReplyText) Reply(c *Ctx) sip.Reply {
	if t.format == nil {
		return sip.Reply{Status: t.Status, Reason: t.reason}
	}
	reason := string(t.format.Line(c))
	if reason == "" {
		reason = sip.ReasonPhrase(t.Status)
	}
	return sip.Reply{Status: t.Status, Reason: reason}
}

// DynamicReplyArgs is ReplyArgs for a function whose reason phrase may hold
// pseudo-variables.
func DynamicReplyArgs(args []Arg) (*ReplyText, error) {
	if len(args) < 2 {
		status, reason, err := ReplyArgs(args)
		return &ReplyText{Status: status, reason: reason}, err
	}
	f, literal, err := args[1].Format()
	if err != nil {
		return nil, err
	}
	if f != nil {
		literal = f.Sample("x")
	}
	status, reason, err := ReplyArgs([]Arg{args[0], {Str: literal}})
	return &ReplyText{Status: status, reason: reason, format: f}, err
}

// NoArgs is the Compile of a function without arguments.
func NoArgs(call Call) func([]Arg) (Call, error) {
	return func([]Arg) (Call, error) { return call, nil }
}
