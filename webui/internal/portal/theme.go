package portal

import (
	"net/http"

	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
)

// Theme keeps the colours that the browser is to use (POST of the theme):
// light, dark, or auto to follow the system.
func (d Door) Theme(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		d.View.Error(w, r, http.StatusBadRequest)
		return
	}
	theme := f.Choice("theme", "light", "dark", "auto")
	if !f.OK() {
		d.View.Error(w, r, http.StatusBadRequest)
		return
	}
	if theme == "auto" {
		theme = ""
	}
	session.SetTheme(w, session.Of(r).Client, theme)
	http.Redirect(w, r, d.Local(f.Value("return"), d.Home), http.StatusSeeOther)
}
