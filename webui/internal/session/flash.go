package session

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// Flash is a note that the page after a change shows once.
type Flash struct {
	// Key names a text of the catalogue, Args fill it in.
	Key  string   `json:"k"`
	Args []string `json:"a,omitempty"`
	// Undo, if not empty, are the fields of a form that takes the change back,
	// to be sent to UndoPath.
	UndoPath string            `json:"p,omitempty"`
	Undo     map[string]string `json:"u,omitempty"`
}

// flashLimit bounds the cookie; browsers keep at most 4,096 bytes.
const flashLimit = 3500

// flashLifetime is how long a note waits for its page.
const flashLifetime = time.Minute

// SetFlash leaves a note for the session's next page. It travels in a cookie
// that is bound to the session by a MAC, so that only we can have written it.
// A note that is too long loses its undo.
func (s *Current) SetFlash(w http.ResponseWriter, c Client, f Flash) {
	text := encodeFlash(f)
	if len(text) > flashLimit {
		f.Undo, f.UndoPath = nil, ""
		text = encodeFlash(f)
	}
	if len(text) > flashLimit {
		return
	}
	s.scope.set(w, c, s.scope.flash, text+"."+derive(s.token, "flash", text), flashLifetime)
}

// encodeFlash writes a note. No two are equal, so that each is known by its cookie.
func encodeFlash(f Flash) string {
	raw, err := json.Marshal(struct {
		Flash
		Nonce string `json:"n"`
	}{f, rand.Text()[:8]})
	if err != nil { // strings only: cannot be
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// TakeFlash returns the note left for this page, if there is one, and removes it.
func (s *Current) TakeFlash(w http.ResponseWriter, r *http.Request, c Client) (Flash, bool) {
	value := s.scope.get(r, c, s.scope.flash)
	if value == "" {
		return Flash{}, false
	}
	s.scope.drop(w, c, s.scope.flash)
	var f Flash
	mac := len(value) - tokenLength
	if mac < 1 || value[mac-1] != '.' {
		return Flash{}, false
	}
	text := value[:mac-1]
	if CheckToken(derive(s.token, "flash", text), value[mac:]) != nil {
		return Flash{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &f) != nil {
		return Flash{}, false
	}
	return f, true
}
