package user

import (
	"net/http"
	"net/url"
	"time"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// pathPublic is where the owner says what strangers see and may do.
const pathPublic = pathAccount + "/public"

// publicPage is the data of public.html.
type publicPage struct {
	Form *form.Form
	// Shown says that there is a page at all: the presence is for everyone.
	Shown bool
	// Path is that of the page; URL and BadgeURL are whole, Snippet is the HTML
	// for another web site.
	Path, URL, BadgeURL, Snippet string
	// CallMe says that the operator lets visitors ask.
	CallMe bool
	// Requests are who asked, the last one first.
	Requests []callRequest
}

// callRequest is a visitor who asked to be called.
type callRequest struct {
	person
	Time   time.Time
	Source string
	// Rang says that the owner's phone was called for it.
	Rang bool
}

// PublicPage shows what strangers see of the owner (GET /user/account/public).
func (p *Portal) PublicPage(w http.ResponseWriter, r *http.Request) {
	on, err := p.DB.CallMe.Allowed(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.showPublicPage(w, r, callMeForm(on))
}

// callMeForm shows whether visitors may ask to be called.
func callMeForm(on bool) *form.Form { return form.Showing("call_me", form.Checked(on)) }

func (p *Portal) showPublicPage(w http.ResponseWriter, r *http.Request, f *form.Form) {
	me := owner(r)
	page := publicPage{Form: f, Shown: session.Of(r).Profile.Presence == store.PresenceEveryone, CallMe: p.CallMeOn}
	page.Path = "/u/" + url.PathEscape(me.String())
	page.URL = siteOf(session.Of(r).Client) + page.Path
	page.BadgeURL = page.URL + ".svg"
	page.Snippet = `<a href="` + page.URL + `"><img src="` + page.BadgeURL + `" alt="` + me.String() + `"></a>`
	requests, err := p.DB.CallMe.List(r.Context(), me, store.MaxCallMe)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if err := p.addRequests(r, &page, requests); err != nil {
		p.fail(w, r, err)
		return
	}
	p.View.Page(w, r, http.StatusOK, "public", view.Page{Title: view.M("public.title"), Tab: tabAccount, Data: page})
}

// addRequests makes the rows of the visitors.
func (p *Portal) addRequests(r *http.Request, page *publicPage, requests []store.CallRequest) error {
	strangers := make([]stranger, len(requests))
	for i, q := range requests {
		strangers[i] = stranger{URI: q.Visitor}
	}
	people, _, err := p.people(r, strangers)
	if err != nil {
		return err
	}
	for i, q := range requests {
		page.Requests = append(page.Requests, callRequest{person: people[i], Time: q.Time, Source: q.Source, Rang: q.Attempt != ""})
	}
	return nil
}

// siteOf is the address of this site as the browser asked for it.
func siteOf(c session.Client) string {
	if c.Secure {
		return "https://" + c.Host
	}
	return "http://" + c.Host
}

// PublicSave says whether visitors may ask to be called (POST
// /user/account/public), unless the box is as the page showed it.
func (p *Portal) PublicSave(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	before, err := p.DB.CallMe.Allowed(r.Context(), owner(r))
	f.Rebase(callMeForm(before))
	on := f.Checked("call_me")
	if err == nil && on != before {
		err = p.DB.CallMe.Allow(r.Context(), owner(r), on)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if on != before {
		p.audit(r, "public.call_me", form.Checked(before), form.Checked(on))
	}
	p.done(w, r, pathPublic, view.M("public.saved"))
}
