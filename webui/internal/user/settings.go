package user

import (
	"net/http"

	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
)

// Theme keeps the colours that the browser is to use (POST /user/theme): light,
// dark, or auto to follow the system.
func (p *Portal) Theme(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	theme := f.Choice("theme", "light", "dark", "auto")
	if !f.OK() {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	if theme == "auto" {
		theme = ""
	}
	session.SetTheme(w, session.Of(r).Client, theme)
	http.Redirect(w, r, p.localPage(f.Value("return"), pathPhoneBook), http.StatusSeeOther)
}
