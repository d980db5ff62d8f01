package view

import "net/http"

// Question asks once before something is destroyed. It works without
// JavaScript: a page with a form that does it and a link that does not.
type Question struct {
	// Text says what will happen.
	Text Msg
	// Button names the act ("Remove the phone").
	Button Msg
	// Action is where the form is sent, with these hidden fields.
	Action string
	Fields map[string]string
	// Back is where "Keep it" leads.
	Back string
}

// Confirm writes the page of a question.
func (s *Set) Confirm(w http.ResponseWriter, r *http.Request, title Msg, tab string, q Question) {
	s.Page(w, r, http.StatusOK, "confirm", Page{Title: title, Tab: tab, Data: q})
}
