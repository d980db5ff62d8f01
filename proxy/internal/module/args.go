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

// NoArgs is the Compile of a function without arguments.
func NoArgs(call Call) func([]Arg) (Call, error) {
	return func([]Arg) (Call, error) { return call, nil }
}
