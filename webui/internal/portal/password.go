package portal

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
)

// Lengths of a new password; phones type it, too.
const (
	minPassword = 8   // characters
	maxPassword = 128 // bytes, the store's limit
)

// NewPassword is the password in the field new_password, as it was typed, with its spaces.
// Its faults stand beside the fields: it is too short, too long, easily guessed or the user
// name (empty: not known), or not what was typed in the field again.
func NewPassword(f *form.Form, name string) string {
	password := f.Value("new_password")
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		f.Fail("new_password", "security.short", strconv.Itoa(minPassword))
	case len(password) > maxPassword:
		f.Fail("new_password", "security.long", strconv.Itoa(maxPassword))
	case !utf8.ValidString(password), strings.ContainsFunc(password, unicode.IsControl):
		f.Fail("new_password", "form.characters")
	case name != "" && strings.EqualFold(password, name), few(password):
		f.Fail("new_password", "security.weak")
	case password != f.Value("again"):
		f.Fail("again", "security.differs")
	}
	return password
}

// few reports whether a password repeats three characters or fewer, or only
// counts up.
func few(password string) bool {
	seen := map[rune]bool{}
	for _, r := range password {
		seen[r] = true
	}
	return len(seen) <= 3 || strings.Contains("01234567890123456789", password) || strings.EqualFold(password, "password")
}

// Proven puts what the sign-in says of a password that had to be typed once more beside its
// field. It returns the error that no form can show.
func Proven(f *form.Form, field string, err error) error {
	var slow *session.SlowDownError
	switch {
	case errors.Is(err, session.ErrRefused):
		f.Fail(field, "security.wrong")
	case errors.As(err, &slow):
		f.Fail(field, "security.slow_down", WaitSeconds(slow.Wait))
	default:
		return err
	}
	return nil
}
