package session

import (
	"encoding/base64"
	"net/http"
	"time"
)

// Names of our cookies, less the prefix that secure ones bear.
const (
	cookieSession = "seraph_session"
	cookieVisit   = "seraph_visit"
	cookieTheme   = "seraph_theme"
	cookieFlash   = "seraph_flash"
)

// tokenLength is the length of a token as text: 32 bytes in base64url.
const tokenLength = 43

// cookieName prefixes a cookie that came over TLS with __Host-: no neighbour
// under the same domain can plant such a cookie, nor a page without TLS.
func cookieName(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}

// setCookie sets a cookie that scripts cannot read and that other sites' forms
// do not carry. A lifetime of 0 lets it end with the browser.
func setCookie(w http.ResponseWriter, c Client, name, value string, lifetime time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(name, c.Secure), Value: value, Path: "/",
		MaxAge: int(lifetime / time.Second), Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// dropCookie makes the browser forget a cookie.
func dropCookie(w http.ResponseWriter, c Client, name string) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(name, c.Secure), Path: "/", MaxAge: -1,
		Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// cookie is the value of one of our cookies, "" if the browser sent none.
func cookie(r *http.Request, c Client, name string) string {
	got, err := r.Cookie(cookieName(name, c.Secure))
	if err != nil {
		return ""
	}
	return got.Value
}

// tokenCookie is cookie for one that holds a token; anything that cannot be
// one counts as absent.
func tokenCookie(r *http.Request, c Client, name string) string {
	value := cookie(r, c, name)
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
	switch theme := cookie(r, c, cookieTheme); theme {
	case "light", "dark":
		return theme
	}
	return ""
}

// SetTheme keeps the colour scheme for a year; "" forgets it.
func SetTheme(w http.ResponseWriter, c Client, theme string) {
	if theme == "" {
		dropCookie(w, c, cookieTheme)
		return
	}
	setCookie(w, c, cookieTheme, theme, 365*24*time.Hour)
}
