package form

import (
	"errors"
	"regexp"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// addressReasons are what package aor says of an address, with # for a number,
// as the ends of keys below address.user and address.domain.
var addressReasons = map[string]string{
	"it is empty":                                                   "empty",
	"it is longer than # characters":                                "long",
	"it holds a character that must be escaped":                     "character",
	"a % is not followed by two hexadecimal digits":                 "escape",
	"it holds white space, a control character or bad UTF-8":        "space",
	"there is none before the domain":                               "missing",
	"there is more than one @":                                      "at_twice",
	`a host name has only letters, digits, "-", "_" and "."`:        "character",
	`a part between dots is empty or begins or ends with "-"`:       "label",
	"no IPv6 address stands in the brackets":                        "ipv6",
	"there is none, and no default is known":                        "missing",
	"the port is not a number from # to #":                          "port",
	`a tel address has only digits, "*", "#" and a "+" before them`: "tel",
	"a parameter holds a character that must be escaped":            "parameter",
	"the address is longer than # bytes":                            "bytes",
}

// storeReasons are what the store says of a field, with # for a number, as keys
// of the catalogue.
var storeReasons = map[string]string{
	"is empty":                                 "form.empty",
	"is longer than # characters":              "form.long",
	"is longer than # bytes":                   "form.long_bytes",
	"is not valid UTF-8":                       "form.characters",
	"has control characters":                   "form.characters",
	"is not an address like alice@example.org": "account.bad_mail",
	"has other characters than digits, +, space and - ( ) . /":         "account.bad_phone",
	"is not a time zone like Europe/Prague":                            "form.choice",
	"is not a language tag like en or pt-BR":                           "form.choice",
	"is neither light nor dark":                                        "form.choice",
	"is not nobody, signed-in or everyone":                             "form.choice",
	"is neither a sip nor a tel address":                               "address.scheme",
	"is not an address like bob@example.org":                           "address.user.other",
	"is not an address that can be called":                             "address.user.other",
	"has a bad user part: write something like bob or bob@example.org": "address.user.other",
	"has a bad domain: write something like bob@example.org":           "address.domain.other",
	"does not fit: a phone book has at most # entries":                 "form.book_full",
	"is not # to # letters, digits, -, _ and .":                        "admin.groups.bad",
	"is not from # to #":                                               "form.range",
	"has more than # *":                                                "rules.wildcards",
}

// number is one in a sentence, not that of "UTF-8".
var number = regexp.MustCompile(` \d+`)

// reason looks up what was said; args are the numbers in it.
func reason(known map[string]string, said string) (key string, args []string, ok bool) {
	key, ok = known[number.ReplaceAllString(said, " #")]
	for _, n := range number.FindAllString(said, -1) {
		args = append(args, strings.TrimSpace(n))
	}
	return key, args, ok
}

// FailAddress puts an error of package aor beside a field.
func (f *Form) FailAddress(name string, err error) {
	kind := "address.user."
	switch {
	case errors.Is(err, aor.ErrScheme):
		f.Fail(name, "address.scheme")
		return
	case errors.Is(err, aor.ErrDomain):
		kind = "address.domain."
	}
	said := err.Error() // the address, the kind, and last the reason
	key, args, ok := reason(addressReasons, said[strings.LastIndex(said, ": ")+len(": "):])
	if !ok {
		key = "other"
	}
	f.Fail(name, kind+key, args...)
}

// Reason is what the store says of a field as a text of the catalogue.
func Reason(err *store.FieldError) (key string, args []string) {
	if key, args, ok := reason(storeReasons, err.Msg); ok {
		return key, args
	}
	return "form.refused", []string{err.Msg}
}
