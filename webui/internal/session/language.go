package session

import (
	"net/http"
	"time"
)

// cookieLanguage is the language that the browser's user chose.
const cookieLanguage = "seraph_language"

// Language is the language that the browser's user chose, as it was sent; "" if
// none was.
func Language(r *http.Request, c Client) string { return site.get(r, c, cookieLanguage) }

// SetLanguage keeps the language, a BCP 47 tag, for a year; "" forgets it.
func SetLanguage(w http.ResponseWriter, c Client, tag string) {
	if tag == "" {
		site.drop(w, c, cookieLanguage)
		return
	}
	site.set(w, c, cookieLanguage, tag, 365*24*time.Hour)
}
