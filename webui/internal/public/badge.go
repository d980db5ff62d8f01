package public

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"seraph/sql/store"
	"seraph/webui/internal/view"
)

// Headers of a badge: other sites show it, nobody keeps it for long, and it can
// do nothing.
const (
	badgePolicy = "default-src 'none'; frame-ancestors *; sandbox"
	badgeCache  = "public, max-age=15"
)

// badgeLook is how a status looks in a badge: its colour and its shape, which
// are those of the pages.
var badgeLooks = map[string]struct{ colour, shape string }{
	statusOnline:  {"#14743f", `<circle cx="6" cy="6" r="5" fill="%[1]s"/>`},
	statusBusy:    {"#8f5208", `<circle cx="6" cy="6" r="4.1" fill="none" stroke="%[1]s" stroke-width="1.8"/><path d="M6 1.9a4.1 4.1 0 0 0 0 8.2z" fill="%[1]s"/>`},
	statusOffline: {"#5c6762", `<circle cx="6" cy="6" r="4" fill="none" stroke="%[1]s" stroke-width="2"/>`},
	statusUnknown: {"#5c6762", `<circle cx="6" cy="6" r="4" fill="none" stroke="%[1]s" stroke-width="2" stroke-dasharray="1.7 1.45"/>`},
}

// badge writes the badge of a person. Its refusals are as bare as it is.
func (p *Portal) badge(w http.ResponseWriter, r *http.Request, me store.Profile, err error) {
	h := w.Header()
	h.Set("Content-Security-Policy", badgePolicy)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Del("X-Frame-Options")
	if err != nil {
		status := http.StatusNotFound
		if !isNotFound(err) {
			status = http.StatusServiceUnavailable
			p.Log.Warn("badge not made", "error", err)
		}
		http.Error(w, http.StatusText(status), status)
		return
	}
	status := p.status(r.Context(), me.AOR)
	image := drawBadge(me.Name(), p.View.TextsFor(r).Text(view.M("status."+status)), status)
	h.Set("Content-Type", "image/svg+xml; charset=utf-8")
	h.Set("Cache-Control", badgeCache)
	h.Add("Vary", "Accept-Language") // the word is in the reader's language
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(image) // an error means that the browser has gone
	}
}

// maxBadgeName is how much of a name a badge shows, in characters.
const maxBadgeName = 32

// drawBadge draws name, shape and word on a ground of its own. textLength makes
// the drawing as wide as the text, whatever the reader's font is.
func drawBadge(name, word, status string) []byte {
	if runes := []rune(name); len(runes) > maxBadgeName {
		name = string(runes[:maxBadgeName-1]) + "…"
	}
	look := badgeLooks[status]
	nameWidth, wordWidth := textWidth(name), textWidth(word)
	width := nameWidth + wordWidth + 52
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="24" viewBox="0 0 %d 24" role="img" aria-label="`, width, width)
	escape(&b, name+": "+word)
	b.WriteString(`"><title>`)
	escape(&b, name+": "+word)
	fmt.Fprintf(&b, `</title><rect x="0.5" y="0.5" width="%d" height="23" rx="6" fill="#ffffff" stroke="#e2e6e3"/>`, width-1)
	fmt.Fprintf(&b, `<g font-family="Inter, system-ui, sans-serif" font-size="13"><text x="10" y="16.5" font-weight="600" fill="#1d2522" textLength="%d" lengthAdjust="spacingAndGlyphs">`, nameWidth)
	escape(&b, name)
	fmt.Fprintf(&b, `</text><g transform="translate(%d 6)">`, nameWidth+20)
	fmt.Fprintf(&b, look.shape, look.colour)
	b.WriteString(`</g>`)
	fmt.Fprintf(&b, `<text x="%d" y="16.5" fill="%s" textLength="%d" lengthAdjust="spacingAndGlyphs">`, nameWidth+38, look.colour, wordWidth)
	escape(&b, word)
	b.WriteString(`</text></g></svg>` + "\n")
	return b.Bytes()
}

// textWidth is about the width of a text at 13 px.
func textWidth(text string) int {
	tenths := 10
	for _, c := range text {
		switch {
		case strings.ContainsRune(" .,:;'|!ijlftrI()[]-", c):
			tenths += 40
		case strings.ContainsRune("mwMW@", c):
			tenths += 105
		case unicode.IsUpper(c):
			tenths += 85
		case unicode.In(c, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || c > 0xffff:
			tenths += 130
		default:
			tenths += 70
		}
	}
	return tenths / 10
}

// escape writes text into XML; what XML cannot hold becomes U+FFFD.
func escape(b *bytes.Buffer, text string) { _ = xml.EscapeText(b, []byte(text)) } // a buffer takes all
