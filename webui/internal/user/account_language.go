package user

import (
	"net/http"

	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// languageOptions are the choices of languages: as the browser asks, and those
// that there are.
func (p *Portal) languageOptions(r *http.Request) []view.Option {
	options := []view.Option{{Value: "", Label: p.View.TextsFor(r).Text(view.M("account.language_default"))}}
	for _, l := range p.View.Languages() {
		options = append(options, view.Option{Value: l.Tag, Label: l.Name})
	}
	return options
}

// readLanguage is the language chosen, "" for what the browser asks for. A user
// with one that we serve under another name ("de-AT") or not at all keeps it by
// leaving the choice as it was.
func (p *Portal) readLanguage(f *form.Form, before string) string {
	allowed := []string{""}
	for _, l := range p.View.Languages() {
		allowed = append(allowed, l.Tag)
	}
	tag := f.Choice("language", allowed...)
	if tag == p.View.Match(before) {
		return before
	}
	return tag
}
