package portal

import (
	"net/http"
	"slices"

	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// Language changes the language of the pages (POST of the language): in this
// browser, and in the profile of the user who is signed in.
func (d Door) Language(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		d.View.Error(w, r, http.StatusBadRequest)
		return
	}
	tag, v := f.Value("language"), session.Of(r)
	if !slices.ContainsFunc(d.View.Languages(), func(l view.Language) bool { return l.Tag == tag }) {
		d.View.Error(w, r, http.StatusBadRequest)
		return
	}
	if v.Session != nil && v.Profile.Language != tag {
		if err := d.Profiles.SetLanguage(r.Context(), v.Session.AOR, tag); err != nil {
			Fail(w, r, err, d.View, d.Log)
			return
		}
	}
	session.SetLanguage(w, v.Client, tag)
	http.Redirect(w, r, d.Local(f.Value("return"), d.Home), http.StatusSeeOther)
}
