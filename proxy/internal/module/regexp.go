package module

import (
	"errors"
	"regexp"
	"strings"
)

// errCollating refuses what RE2 would take for something else without a word.
var errCollating = errors.New("collating elements and equivalence classes ([. and [= between brackets) are not supported")

// AnyCase are the options of the expressions of most functions, which SER and Kamailio compile
// with REG_ICASE and REG_NEWLINE: ^ and $ are a line's, and neither . nor a bracket expression
// that begins with ^ matches its end.
const AnyCase = "(?im)"

// Regexp compiles a regular expression of a script, which is one of POSIX with GNU's
// additions, as SER's and Kamailio's are: where RE2 writes the same thing otherwise, it is
// rewritten. options, such as AnyCase, stand before it.
func Regexp(options, text string) (*regexp.Regexp, error) {
	same, err := fromGNU(text, strings.Contains(options, "m"))
	if err != nil {
		return nil, err
	}
	return regexp.Compile(options + same)
}

// escapes are GNU's with their equals in RE2. At the edge of a word \b is what \< and \> are.
var escapes = map[byte]string{'<': `\b`, '>': `\b`, '`': `\A`, '\'': `\z`}

// fromGNU rewrites an expression for RE2; byLine says that it is one for lines.
func fromGNU(text string, byLine bool) (string, error) {
	if !strings.ContainsAny(text, `\{[`) {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		n, with := 1, ""
		switch rest := text[i:]; rest[0] {
		case '\\':
			n = min(2, len(rest))
			if n == 2 {
				with = escapes[rest[1]]
			}
		case '{': // {,4} and {,} begin with 0
			if strings.HasPrefix(rest, "{,") && strings.HasPrefix(strings.TrimLeft(rest[2:], "0123456789"), "}") {
				n, with = 2, "{0,"
			}
		case '[':
			var err error
			if n, err = bracket(rest); err != nil {
				return "", err
			}
			if byLine {
				with = withinLine(rest[:n])
			}
		}
		if with == "" {
			with = text[i : i+n]
		}
		b.WriteString(with)
		i += n
	}
	return b.String(), nil
}

// withinLine keeps a bracket expression that begins with ^ from the ends of lines; "" for
// others.
func withinLine(expression string) string {
	rest, ok := strings.CutPrefix(expression, "[^")
	if !ok {
		return ""
	}
	if rest != "" && (rest[0] == ']' || rest[0] == '-') { // itself, as it stands first
		rest = `\` + rest
	}
	return `[^\n` + rest
}

// bracket is the length of a bracket expression, as RE2 reads it; all of the text where it
// does not end.
func bracket(text string) (int, error) {
	i := 1
	if strings.HasPrefix(text[i:], "^") {
		i++
	}
	for first := true; i < len(text); first = false {
		rest := text[i:]
		switch {
		case rest[0] == ']' && !first:
			return i + 1, nil
		case strings.HasPrefix(rest, "[.") || strings.HasPrefix(rest, "[="):
			return 0, errCollating
		case strings.HasPrefix(rest, "[:"):
			if end := strings.Index(rest, ":]"); end > 0 {
				i += end + 2
				continue
			}
		case rest[0] == '\\':
			i++
		}
		i++
	}
	return len(text), nil
}
