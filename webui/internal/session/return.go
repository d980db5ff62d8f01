package session

import (
	"net/url"
	"path"
	"strings"
)

// LocalPath returns to if it is a page of ours under /user to go to after the
// sign-in, and fallback if it is anything else: another host's, a scheme's, a
// backslash that a browser takes for a slash, a path that climbs.
func LocalPath(to, fallback string) string {
	if len(to) > 500 || !strings.HasPrefix(to, "/user/") || strings.ContainsFunc(to, unfit) {
		return fallback
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Fragment != "" {
		return fallback
	}
	if path.Clean(u.Path) != u.Path || strings.Contains(u.Path, `\`) {
		return fallback
	}
	return to
}

func unfit(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }
