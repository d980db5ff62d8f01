package public

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"seraph/webui/internal/form"
)

// Lengths of a password; phones type it, too.
const (
	minPassword = 8   // characters
	maxPassword = 128 // bytes, the store's limit
)

// readPassword is the password that was typed twice, as it was typed. It must
// not be a part of who, the user name.
func readPassword(f *form.Form, who string) string {
	password := f.Value("new_password")
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		f.Fail("new_password", "security.short", strconv.Itoa(minPassword))
	case len(password) > maxPassword:
		f.Fail("new_password", "security.long", strconv.Itoa(maxPassword))
	case !utf8.ValidString(password), strings.ContainsFunc(password, unicode.IsControl):
		f.Fail("new_password", "form.characters")
	case who != "" && strings.EqualFold(password, who), few(password):
		f.Fail("new_password", "desk.weak")
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
