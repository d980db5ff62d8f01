package portal

import (
	"net/http"
	"slices"
	"strings"

	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// maxKept bounds what is kept of a form, in bytes of its names and values.
const maxKept = 64 << 10

// Again says why a form was not taken, for a page that keeps what was typed into it.
type Again struct {
	Status      int
	Title, Text view.Msg
	// CSRF is the token that the form is to be sent again with.
	CSRF string
	// SignIn is the page where one signs in before that, "" if nobody has to.
	SignIn string
}

// againPage is the data of again.html.
type againPage struct {
	Again
	Typed  []string // what is shown of it
	Fields []view.Option
	Action string // "" if it cannot be sent again as it is
	Back   string // the page to type it on once more, for a form that held a secret
}

// Show writes the page and reports true, unless r is no form, or nothing was typed into
// it that is worth keeping. It gives passwords, tokens and files back to nobody: a form
// that held one has to be filled in again. Its caller knows that the form came from a page
// of ours.
func (a Again) Show(w http.ResponseWriter, r *http.Request, pages *view.Set) bool {
	if r.Method != http.MethodPost || FromHTMX(r) {
		return false
	}
	page := againPage{Again: a, Action: session.LocalPath(r.URL.RequestURI(), "")}
	whole := r.MultipartForm == nil || len(r.MultipartForm.File) == 0
	size := 0
	for _, name := range sortedNames(r) {
		for _, value := range r.PostForm[name] {
			size += len(name) + len(value)
			switch {
			case name == session.FieldCSRF:
			case secret(name):
				whole = whole && value == ""
			default:
				page.Fields = append(page.Fields, view.Option{Value: value, Label: name})
				if typed(name, value) {
					page.Typed = append(page.Typed, value)
				}
			}
		}
	}
	if len(page.Typed) == 0 || size > maxKept {
		return false
	}
	if !whole {
		page.Action, page.Fields, page.Back = "", nil, r.URL.Path
	}
	if a.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	pages.Page(w, r, a.Status, "again", view.Page{Title: a.Title, Data: page})
	return true
}

func sortedNames(r *http.Request) []string {
	names := make([]string, 0, len(r.PostForm))
	for name := range r.PostForm {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// secret reports whether a field may hold what nobody must read off the screen, or what
// only its own page may send: passwords, typed twice, and the tokens of mails ("t").
func secret(name string) bool {
	return name == "again" || name == "t" || strings.Contains(name, "password") || strings.Contains(name, "token")
}

// unseen are the fields that people do not type in.
var unseen = map[string]bool{
	"ids": true, "id": true, "last": true, "return": true, "act": true, "rows": true, "kind": true, "device": true, "ring": true,
	"presence": true, "language": true, "time_zone": true, "lifetime": true,
	FieldShown: true, FieldOnce: true,
}

// typed reports whether somebody wrote the value rather than choosing it.
func typed(name, value string) bool {
	return !unseen[name] && !form.IsWas(name) && value != "on" && strings.TrimSpace(value) != ""
}

// Names of the hidden fields of forms that see to it that they change what was shown, and
// once.
const (
	FieldShown = "shown"
	FieldOnce  = "once"
)
