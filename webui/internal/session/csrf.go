package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
)

// FieldCSRF is the form field that every change must carry.
const FieldCSRF = "csrf"

// Errors of CheckOrigin and Visit.Check.
var (
	// ErrCrossSite says that another site's page sent the request.
	ErrCrossSite = errors.New("the request comes from another site")
	// ErrBadToken says that the CSRF token is missing or not this visit's.
	ErrBadToken = errors.New("the form's token is missing or out of date")
)

// derive makes a value for one purpose from a secret. Nobody who knows the
// value learns the secret, nor another purpose's value.
func derive(secret, purpose, content string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write([]byte(content))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// csrfToken is the token of the forms under a session or a visit.
func csrfToken(secret string) string { return derive(secret, "csrf", "") }

// newSecret is 32 random bytes in base64url.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// CheckOrigin refuses a change that another site's page started. Browsers say
// so in Sec-Fetch-Site; older ones, and those on a page without TLS, in Origin,
// which is "null" where the page's Referrer-Policy is no-referrer, as ours is.
// Where they say nothing, the token has to decide.
func CheckOrigin(r *http.Request, c Client) error {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return nil
	case "":
	default:
		return ErrCrossSite
	}
	origin := r.Header.Get("Origin")
	if origin == "" || origin == "null" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host != c.Host || (u.Scheme == "https") != c.Secure {
		return ErrCrossSite
	}
	return nil
}

// SameOrigin reports whether the browser says that a page of ours sent the request. Unlike
// CheckOrigin it takes silence for no.
func SameOrigin(r *http.Request, c Client) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	origin := r.Header.Get("Origin")
	return origin != "" && origin != "null" && CheckOrigin(r, c) == nil
}

// CheckToken compares a form's token with the one of the session, or, before
// sign-in, of the visit.
func CheckToken(want, got string) error {
	if want == "" || !hmac.Equal([]byte(want), []byte(got)) {
		return ErrBadToken
	}
	return nil
}

// Visit returns the CSRF token for a browser that is not signed in, and sets
// the cookie that it hangs on if the browser has none yet.
func Visit(w http.ResponseWriter, r *http.Request, c Client) (csrf string) {
	secret := site.token(r, c, cookieVisit)
	if secret == "" {
		secret = newSecret()
		site.set(w, c, cookieVisit, secret, 0)
	}
	return csrfToken(secret)
}

// VisitToken is the token that a form of this visit must carry, "" if the
// browser has no visit.
func VisitToken(r *http.Request, c Client) string {
	secret := site.token(r, c, cookieVisit)
	if secret == "" {
		return ""
	}
	return csrfToken(secret)
}
