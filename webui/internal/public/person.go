package public

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// pathPeople is what the pages of people are below.
const pathPeople = "/u/"

// badgeSuffix ends the path of a badge.
const badgeSuffix = ".svg"

// The statuses as pages name them.
const (
	statusOnline  = "online"
	statusBusy    = "busy"
	statusOffline = "offline"
	statusUnknown = "unknown"
)

// personPage is the data of person.html.
type personPage struct {
	Name, Address, AOR, Status string
	// Path of the page, and that of the badge.
	Path, BadgePath string
	// Since is when Status was asked for.
	Since time.Time
	// CallMe says that the person may be asked to call; Form is the request.
	CallMe bool
	Form   *form.Form
	// Fault is what is wrong with the request as a whole; its key is "" if nothing is.
	Fault view.Msg
}

// IsBadge reports whether a path is one of a badge, which is no page.
func IsBadge(path string) bool {
	return strings.HasPrefix(path, pathPeople) && strings.HasSuffix(path, badgeSuffix)
}

// Person shows somebody who wants to be seen by everybody (GET /u/NAME), or the
// badge (GET /u/NAME.svg). All others, and all that do not exist, are the same
// 404, found out by the same work.
func (p *Portal) Person(w http.ResponseWriter, r *http.Request) {
	name, badge := strings.CutSuffix(r.PathValue("name"), badgeSuffix)
	me, err := p.person(r.Context(), name)
	switch {
	case badge:
		p.badge(w, r, me, err)
	case err != nil:
		p.fail(w, r, err)
	default:
		p.showPerson(w, r, http.StatusOK, me, form.New(), view.Msg{})
	}
}

// person is the profile of somebody who wants to be seen by everybody;
// store.ErrNotFound for everybody else, however they stand.
func (p *Portal) person(ctx context.Context, name string) (store.Profile, error) {
	var domain string
	if !strings.Contains(name, "@") {
		found, err := p.SignIn.Domain(ctx)
		if err != nil && !errors.Is(err, session.ErrDomainNeeded) {
			return store.Profile{}, err
		}
		domain = found
	}
	who, err := aor.Parse(name, domain)
	if err != nil || strings.ContainsAny(name, ":;?") {
		return store.Profile{}, store.ErrNotFound
	}
	me, err := p.DB.Profiles.Load(ctx, who)
	if err == nil && (me.Disabled || me.Presence != store.PresenceEveryone) {
		err = store.ErrNotFound
	}
	return me, err
}

// showPerson shows the page with its form.
func (p *Portal) showPerson(w http.ResponseWriter, r *http.Request, status int, me store.Profile, f *form.Form, fault view.Msg) {
	allowed, err := p.mayAsk(r.Context(), me.AOR)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := personPage{
		Name: me.Name(), Address: me.AOR.String(), AOR: me.AOR.String(), Status: p.status(r.Context(), me.AOR),
		Path: personPath(me.AOR), BadgePath: badgePath(me.AOR), Since: p.Now(), CallMe: allowed, Form: f, Fault: fault,
	}
	p.View.Page(w, r, status, "person", view.Page{Title: view.M("person.title", page.Name), Data: page})
}

// status is how somebody stands as everybody may see it, unknown while the
// router does not say.
func (p *Portal) status(ctx context.Context, who aor.AOR) string {
	var got map[string]ctlproto.PresenceStatus
	err := p.router.Ask(ctx, func(ctx context.Context) (err error) {
		got, err = p.Ctl.PresenceGet(ctx, "", []string{who.String()})
		return err
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		p.Log.Warn("presence unknown", "user", who.String(), "error", err)
	}
	switch got[who.String()] {
	case ctlproto.StatusOnLine:
		return statusOnline
	case ctlproto.StatusOnThePhone:
		return statusBusy
	case ctlproto.StatusOffline:
		return statusOffline
	}
	return statusUnknown
}

// personPath is the address of somebody's page.
func personPath(who aor.AOR) string { return pathPeople + url.PathEscape(who.String()) }

// badgePath is the address of somebody's badge.
func badgePath(who aor.AOR) string { return personPath(who) + badgeSuffix }
