package ctlproto

import (
	"errors"
	"testing"
)

// TestOneLine: of several calls that failed each reason is said once.
func TestOneLine(t *testing.T) {
	down, other := Errorf(CodeUnavailable, "shutting down"), errors.New("broken")
	for want, err := range map[string]error{
		"broken":                         other,
		"shutting down (-32004)":         errors.Join(down, nil, down),
		"shutting down (-32004); broken": errors.Join(errors.Join(down, other), down, other),
	} {
		if got := OneLine(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
