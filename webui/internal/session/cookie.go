package session

import (
	"encoding/base64"
	"net/http"
	"time"

	"seraph/sql/store"
)

// Names of the cookies that all pages share, less the prefix that secure ones bear.
const (
	cookieVisit = "seraph_visit"
	cookieTheme = "seraph_theme"
)

// scope is a part of the site with a session, and cookies, of its own.
type scope struct {
	kind store.SessionKind
	// session and flash are names of cookies.
	session, flash string
	path           string
	sameSite       http.SameSite
}

// The scopes. The administrators' cookies are sent to their pages only, and
// with no request that another site's page started.
var (
	site       = scope{path: "/", sameSite: http.SameSiteLaxMode} // of no session
	userScope  = scope{store.SessionUser, "seraph_session", "seraph_flash", "/", http.SameSiteLaxMode}
	adminScope = scope{store.SessionAdmin, "seraph_admin", "seraph_admin_flash", "/admin", http.SameSiteStrictMode}
)

// tokenLength is the length of a token as text: 32 bytes in base64url.
const tokenLength = 43

// cookieName prefixes a cookie that came over TLS with __Host-: no neighbour
// under the same domain can plant such a cookie, nor a page without TLS.
// Browsers take __Host- only with the path "/", so that a narrower scope has to
// do with __Secure-, which keeps out pages without TLS alone. What a neighbour
// could plant there is a session of its own, never read ours, and no form of it
// passes without that session's CSRF token.
func (sc scope) cookieName(name string, secure bool) string {
	switch {
	case !secure:
		return name
	case sc.path == "/":
		return "__Host-" + name
	}
	return "__Secure-" + name
}

// set sets a cookie that scripts cannot read and that other sites' forms do
// not carry. A lifetime of 0 lets it end with the browser.
func (sc scope) set(w http.ResponseWriter, c Client, name, value string, lifetime time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: sc.cookieName(name, c.Secure), Value: value, Path: sc.path,
		MaxAge: int(lifetime / time.Second), Secure: c.Secure, HttpOnly: true, SameSite: sc.sameSite,
	})
}

// drop makes the browser forget a cookie.
func (sc scope) drop(w http.ResponseWriter, c Client, name string) {
	http.SetCookie(w, &http.Cookie{
		Name: sc.cookieName(name, c.Secure), Path: sc.path, MaxAge: -1,
		Secure: c.Secure, HttpOnly: true, SameSite: sc.sameSite,
	})
}

// get is the value of one of our cookies, "" if the browser sent none.
func (sc scope) get(r *http.Request, c Client, name string) string {
	got, err := r.Cookie(sc.cookieName(name, c.Secure))
	if err != nil {
		return ""
	}
	return got.Value
}

// token is get for a cookie that holds a token; anything that cannot be one
// counts as absent.
func (sc scope) token(r *http.Request, c Client, name string) string {
	value := sc.get(r, c, name)
	if len(value) != tokenLength {
		return ""
	}
	if _, err := base64.RawURLEncoding.DecodeString(value); err != nil {
		return ""
	}
	return value
}

// Theme is the colour scheme that the browser's user chose: "light", "dark",
// or "" to follow the system.
func Theme(r *http.Request, c Client) string {
	switch theme := site.get(r, c, cookieTheme); theme {
	case "light", "dark":
		return theme
	}
	return ""
}

// SetTheme keeps the colour scheme for a year; "" forgets it.
func SetTheme(w http.ResponseWriter, c Client, theme string) {
	if theme == "" {
		site.drop(w, c, cookieTheme)
		return
	}
	site.set(w, c, cookieTheme, theme, 365*24*time.Hour)
}
