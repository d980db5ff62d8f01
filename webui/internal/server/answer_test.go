package server_test

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// is checks the status.
func (a *answer) is(code int) *answer {
	a.t.Helper()
	if a.Code != code {
		a.t.Fatalf("%s: status %d, want %d; it shows:\n%s", a.what, a.Code, code, a.text())
	}
	return a
}

// leads checks that it redirects to a path.
func (a *answer) leads(to string) *answer {
	a.t.Helper()
	if a.is(http.StatusSeeOther).Header.Get("Location") != to {
		a.t.Fatalf("%s leads to %s, want %s", a.what, a.Header.Get("Location"), to)
	}
	return a
}

// shows checks that a reader sees the texts.
func (a *answer) shows(texts ...string) *answer {
	a.t.Helper()
	have := a.text()
	for _, want := range texts {
		if !strings.Contains(have, want) {
			a.t.Errorf("%s does not show %q; it shows:\n%s", a.what, want, have)
		}
	}
	return a
}

// lacks is the opposite of shows.
func (a *answer) lacks(texts ...string) *answer {
	a.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.text(), text) {
			a.t.Errorf("%s shows %q", a.what, text)
		}
	}
	return a
}

// text is what a reader sees, spaces squeezed.
func (a *answer) text() string {
	var words []string
	each(a.doc, func(n *html.Node) {
		if n.Type == html.TextNode && n.Parent.Data != "title" {
			words = append(words, strings.Fields(n.Data)...)
		}
	})
	return strings.Join(words, " ")
}

// form is what the form with an action would send.
func (a *answer) form(action string) url.Values {
	a.t.Helper()
	values := url.Values{}
	found := false
	each(a.doc, func(n *html.Node) {
		if n.Data != "form" || attr(n, "action") != action {
			return
		}
		found = true
		each(n, func(n *html.Node) {
			switch {
			case n.Data == "input" && attr(n, "type") == "checkbox":
				if has(n, "checked") {
					values.Set(attr(n, "name"), attr(n, "value"))
				}
			case n.Data == "input" && has(n, "name"):
				values.Set(attr(n, "name"), attr(n, "value"))
			case n.Data == "option" && has(n, "selected"):
				values.Set(attr(n.Parent, "name"), attr(n, "value"))
			}
		})
	})
	if !found {
		a.t.Fatalf("%s has no form for %s; it shows:\n%s", a.what, action, a.text())
	}
	return values
}

// fault is the error text beside a field.
func (a *answer) fault(field string) string {
	a.t.Helper()
	text := "(no such field)"
	each(a.doc, func(n *html.Node) {
		if attr(n, "name") != field || attr(n, "type") == "hidden" {
			return
		}
		text = ""
		for id := range strings.FieldsSeq(attr(n, "aria-describedby")) {
			each(a.doc, func(note *html.Node) {
				if attr(note, "id") == id && attr(note, "class") == "error" && note.FirstChild != nil {
					text = note.FirstChild.Data
				}
			})
		}
		if (text != "") != (attr(n, "aria-invalid") == "true") {
			a.t.Errorf("%s: field %s: aria-invalid does not fit its error %q", a.what, field, text)
		}
	})
	return text
}

// each calls f for a node and all below it, but for what stands in templates.
func each(n *html.Node, f func(*html.Node)) {
	f(n)
	if n.Type == html.ElementNode && n.Data == "template" {
		return
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, f)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}
