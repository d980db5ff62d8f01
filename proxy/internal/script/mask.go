package script

import "regexp"

// masked stands where a password stood.
const masked = "***"

// A value that holds a password: the password of a URL, and the value of a
// modparam, which is shown only where the parameter is known to hold none.
var (
	urlPassword   = regexp.MustCompile(`[a-z0-9+]+://[^:/@\s"']*:([^\s"']*)@`)
	modparamValue = regexp.MustCompile(`modparam\s*\(?\s*["']?([^"',]*)["']?\s*,?\s*["']?([^"',]*)["']?\s*,?\s*(.*)`)
)

// hider masks what no message may show.
type hider struct {
	// open says that a parameter is known and holds no password.
	open func(module, param string) bool
}

// mask returns the line without its passwords, and where the column has gone.
func (h hider) mask(line string, at int) (string, int) {
	if m := modparamValue.FindStringSubmatchIndex(line); m != nil && m[6] < m[7] {
		if h.open == nil || !h.open(line[m[2]:m[3]], line[m[4]:m[5]]) {
			return cut(line, at, m[6], m[7])
		}
	}
	from := 0
	for {
		m := urlPassword.FindStringSubmatchIndex(line[from:])
		if m == nil {
			return line, at
		}
		start := from + m[2]
		line, at = cut(line, at, start, from+m[3])
		from = start + len(masked) + 1
	}
}

// cut replaces line[from:to] by the mask.
func cut(line string, at, from, to int) (string, int) {
	switch {
	case at >= to:
		at += len(masked) - (to - from)
	case at > from:
		at = from
	}
	return line[:from] + masked + line[to:], at
}
