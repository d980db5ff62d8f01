package store

import (
	"strings"
	"unicode/utf8"
	"unsafe"

	"seraph/sql/aor"
)

// PatternFits reports whether a pattern, in the form that CheckPattern gives it, is for a
// caller, in the form of aor.AppendCaller. An anonymous caller who
// names a domain is of that domain as well. It allocates nothing.
func PatternFits(pattern string, caller []byte) bool {
	fits, _ := TryPattern(pattern, caller)
	return fits
}

// MostWork is the most that TryPattern takes for all patterns that one owner can have.
const MostWork = MaxCallRules * (utf8.UTFMax*MaxPattern + aor.MaxCaller)

// TryPattern is PatternFits, and what looking took: how many bytes, at most as many as the
// pattern and the caller have together.
func TryPattern(pattern string, caller []byte) (fits bool, work int) {
	if strings.IndexByte(pattern, '@') >= 0 {
		if len(caller) == 0 {
			return false, 0
		}
		return glob(pattern, caller)
	}
	return plainFits(pattern, caller), len(pattern) + len(caller)
}

// plainFits is PatternFits of a pattern that is no address.
func plainFits(pattern string, caller []byte) bool {
	if pattern == AnonymousPattern {
		return len(caller) == 0 || startsWith(caller, AnonymousPattern) && atEnd(caller, len(AnonymousPattern))
	}
	if number, one := strings.CutPrefix(pattern, oneNumber); one {
		return startsWith(caller, number) && (len(caller) == len(number) || number[0] == '+' && caller[len(number)] == '@')
	}
	// The beginning of a number, against what stands before the @.
	if len(caller) == 0 || !startsWith(caller, pattern) {
		return false
	}
	for i := len(pattern); !atEnd(caller, i); i++ {
		switch c := caller[i]; {
		case '0' <= c && c <= '9':
		case startsWith(caller[i:], "%2a"), startsWith(caller[i:], "%23"): // * and #
			i += 2
		default:
			return false // a name that begins with digits
		}
	}
	return true
}

func startsWith(b []byte, text string) bool {
	return len(b) >= len(text) && string(b[:len(text)]) == text
}

// atEnd reports whether a caller's name ends at i.
func atEnd(caller []byte, i int) bool { return i >= len(caller) || caller[i] == '@' }

// oneNumber begins the pattern of one telephone number: of a number with + whoever vouches for
// it, of another one, which may be a name in somebody's domain, only as a tel URI has it.
const oneNumber = "tel:"

// leastOfName is the least of a name, in bytes, that is blocked in its place where it is too
// long for a pattern: nobody else has a name that begins like that.
const leastOfName = 32

// PatternOf is the pattern that is for one caller and nobody else, by the URI in From: the
// address or number, of a name that is too long for a pattern the beginning; "" if there is
// none, as for a caller who gives a host and no name.
func PatternOf(uri string) string {
	caller := string(aor.AppendCaller(nil, uri))
	pattern := caller
	user, host, address := strings.Cut(caller, "@")
	switch {
	case caller == "":
		pattern = AnonymousPattern
	case !address:
		pattern = oneNumber + caller
	case user == "":
		return ""
	case len(caller) > MaxPattern:
		room := MaxPattern - len("*@") - len(host)
		if room < leastOfName || room >= len(user) {
			return ""
		}
		pattern = wholeCharacters(user[:room]) + "*@" + host
	}
	pattern, err := CheckPattern(pattern)
	if err != nil || !PatternFits(pattern, []byte(caller)) {
		return ""
	}
	return pattern
}

// wholeCharacters drops what the end of a name has of a character or an escape that was cut.
func wholeCharacters(name string) string {
	if i := strings.LastIndexByte(name, '%'); i >= 0 && i > len(name)-len("%00") {
		return name[:i]
	}
	for i := len(name) - 1; i >= 0 && i >= len(name)-utf8.UTFMax; i-- {
		if utf8.RuneStart(name[i]) {
			if !utf8.FullRuneInString(name[i:]) {
				return name[:i]
			}
			break
		}
	}
	return name
}

// Refuses reports whether a rule is in force and blocks a caller, in the form of
// aor.AppendCaller.
func (r CallRule) Refuses(caller []byte) bool {
	if !r.Enabled || r.Kind != RuleBlock {
		return false
	}
	pattern, err := CheckPattern(r.Pattern) // an earlier release may have written it in another form
	return err == nil && PatternFits(pattern, caller)
}

// glob reports whether a text fits a pattern in which * stands for any characters, and how many
// bytes it has looked at. What stands between two of them is looked for behind what stood before, where
// it comes first, so no byte is passed twice: strings.Index is linear.
func glob(pattern string, caller []byte) (fits bool, work int) {
	text := unsafe.String(unsafe.SliceData(caller), len(caller)) // a view: nothing keeps it
	head, parts, wild := strings.Cut(pattern, "*")
	if !wild {
		return text == pattern, len(pattern)
	}
	last := strings.LastIndexByte(parts, '*') + 1
	parts, tail := parts[:last], parts[last:]
	work = len(head) + len(tail)
	if len(text) < work || !strings.HasPrefix(text, head) || !strings.HasSuffix(text, tail) {
		return false, work
	}
	text = text[len(head) : len(text)-len(tail)]
	for parts != "" {
		var part string
		part, parts, _ = strings.Cut(parts, "*")
		i := strings.Index(text, part)
		if i < 0 {
			return false, work + len(text)
		}
		work += i + len(part)
		text = text[i+len(part):]
	}
	return true, work
}
