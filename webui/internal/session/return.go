package session

import (
	"net/url"
	"path"
	"strings"
)

// LocalPath returns to if it is a page of ours below one of the places, to go to
// after the sign-in, and fallback if it is anything else: another host's, a
// scheme's, a backslash that a browser takes for a slash, a path that climbs.
func LocalPath(to, fallback string) string {
	if !isPath(to) {
		return fallback
	}
	at, _, _ := strings.Cut(to, "?")
	for _, place := range places {
		if strings.HasPrefix(at, place+"/") || at == place && place != "/user" && place != "/u" {
			return to
		}
	}
	return fallback
}

// places are what the pages are below that are not the administrators': those of
// users, and those of everybody.
var places = []string{"/user", "/u", "/sign-up", "/reset", "/missed-mail"}

// AdminPath is LocalPath for the administrators' pages.
func AdminPath(to, fallback string) string {
	at, _, _ := strings.Cut(to, "?")
	if at != "/admin" && !strings.HasPrefix(at, "/admin/") || !isPath(to) {
		return fallback
	}
	return to
}

// isPath reports whether to is a path, perhaps with a query, and nothing else
// to any browser.
func isPath(to string) bool {
	if len(to) > 500 || strings.ContainsFunc(to, unfit) {
		return false
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Fragment != "" {
		return false
	}
	return path.Clean(u.Path) == u.Path && !strings.Contains(u.Path, `\`)
}

func unfit(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }
