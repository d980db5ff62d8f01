package phone

import "strings"

// splitList splits a header value at the commas that separate its elements: those outside quotes
// and angle brackets (RFC 3261 §7.3.1).
func splitList(value string) []string {
	var parts []string
	start, quoted, angle := 0, false, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !angle:
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == ',' && !angle:
			parts = append(parts, strings.TrimSpace(value[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(value[start:]))
}

// authParam reads one parameter of a challenge, in lower case and without quotes.
func authParam(challenge, name string) (string, bool) {
	_, params, _ := strings.Cut(challenge, " ")
	for _, param := range splitList(params) {
		key, value, ok := strings.Cut(param, "=")
		if ok && strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`)), true
		}
	}
	return "", false
}
