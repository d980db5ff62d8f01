package public

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// CallMeRules are the operator's for visitors who want to be called. The zero
// value lets nobody.
type CallMeRules struct {
	// PerOwner is how many requests one user gets at most, PerSource how many one
	// source makes at most, whoever is asked, within Window.
	PerOwner, PerSource int
	Window              time.Duration
	// Numbers is what a telephone number must match that visitors may give; nil
	// for none. Without it no request ever leads to a gateway.
	Numbers *regexp.Regexp
}

// On reports whether visitors may ask at all.
func (rules CallMeRules) On() bool {
	return rules.PerOwner > 0 && rules.PerSource > 0 && rules.Window > 0
}

// fieldVisitor is where a visitor is to be called.
const fieldVisitor = "address"

// mayAsk reports whether visitors may ask the owner.
func (p *Portal) mayAsk(ctx context.Context, owner aor.AOR) (bool, error) {
	if !p.CallMe.On() {
		return false, nil
	}
	return p.DB.CallMe.Allowed(ctx, owner)
}

// Ask asks the owner of a page to call the visitor (POST /u/NAME): the owner's
// phones ring first, and only who answers is connected. Whoever does not allow it
// is not there, as for Person.
func (p *Portal) Ask(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	me, err := p.person(r.Context(), r.PathValue("name"))
	if err == nil {
		var allowed bool
		if allowed, err = p.mayAsk(r.Context(), me.AOR); err == nil && !allowed {
			err = store.ErrNotFound
		}
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	visitor, err := p.readVisitor(r.Context(), f, me.AOR)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if !f.OK() {
		p.showPerson(w, r, http.StatusUnprocessableEntity, me, f, view.Msg{})
		return
	}
	p.tryVisitor(w, r, me, f, visitor)
}

// tryVisitor counts the request, and then rings if nothing speaks against it. The limit
// is first and whatever is in the way has one answer: a stranger learns neither whom
// the owner blocks nor which addresses are the owner's, a gateway's or denied.
func (p *Portal) tryVisitor(w http.ResponseWriter, r *http.Request, me store.Profile, f *form.Form, visitor string) {
	source := session.Group(session.Of(r).Client.Addr)
	id, err := p.DB.CallMe.Enter(r.Context(), me.AOR, store.CallRequest{Visitor: visitor, Source: source},
		store.CallMeLimits{PerOwner: p.CallMe.PerOwner, PerSource: p.CallMe.PerSource, Window: p.CallMe.Window})
	if errors.Is(err, store.ErrFull) {
		w.Header().Set("Retry-After", seconds(p.CallMe.Window))
		p.showPerson(w, r, http.StatusTooManyRequests, me, f, view.M("callme.too_many"))
		return
	}
	refused := false
	if err == nil {
		refused, err = p.refuses(r.Context(), me.AOR, visitor)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	status := p.status(r.Context(), me.AOR)
	switch {
	case refused && status == statusUnknown: // the others hear that the router is away
		p.notBegun(w, r, me, f, id)
	case refused, status == statusOffline:
		p.notNow(w, r, me, f)
	default:
		p.ring(w, r, me, f, visitor, id)
	}
}

// notNow is the answer to whoever cannot be connected, for whatever reason.
func (p *Portal) notNow(w http.ResponseWriter, r *http.Request, me store.Profile, f *form.Form) {
	p.showPerson(w, r, http.StatusConflict, me, f, view.M("callme.not_now", me.Name()))
}

// refuses reports whether the owner's phones do not ring for a visitor: the address is
// one that is not called, or the owner's rules are against it.
func (p *Portal) refuses(ctx context.Context, owner aor.AOR, visitor string) (bool, error) {
	unfit, err := p.unfit(ctx, visitor, owner)
	if err != nil || unfit {
		return true, err
	}
	return p.unwanted(ctx, owner, visitor)
}

// unwanted reports whether the owner's rules keep the phones from ringing for a visitor:
// these block them, or the owner does not want to be disturbed.
func (p *Portal) unwanted(ctx context.Context, owner aor.AOR, visitor string) (bool, error) {
	rules, err := p.DB.CallRules.List(ctx, owner)
	if err != nil {
		return false, err
	}
	caller := aor.AppendCaller(nil, visitor)
	return slices.ContainsFunc(rules, func(rule store.CallRule) bool {
		return rule.Enabled && rule.Kind == store.RuleDND || rule.Refuses(caller)
	}), nil
}

// ring begins the attempt of a request that is entered with an id.
func (p *Portal) ring(w http.ResponseWriter, r *http.Request, me store.Profile, f *form.Form, visitor string, id int64) {
	source := session.Group(session.Of(r).Client.Addr)
	attempt, err := p.dial(r, me, visitor)
	if err != nil {
		if ctlproto.MayHaveBegun(err) {
			p.record(r, me.AOR, visitor+" (no answer of the router)", source)
		}
		p.notRung(w, r, me, f, id, err)
		return
	}
	if err := p.DB.CallMe.Started(r.Context(), me.AOR, id, attempt); err != nil {
		p.Log.Warn("request not noted", "user", me.AOR.String(), "error", err)
	}
	p.record(r, me.AOR, visitor, source)
	p.View.Page(w, r, http.StatusOK, "callme", view.Page{Title: view.M("callme.title", me.Name()), Data: callMePage{
		Name: me.Name(), Address: plain(visitor), Path: personPath(me.AOR),
	}})
}

// callMePage is the data of callme.html.
type callMePage struct{ Name, Address, Path string }

// dial begins the attempt as the owner's own, with a mark: the name that the
// owner's phone and pages show says that a visitor asked for it.
func (p *Portal) dial(r *http.Request, me store.Profile, visitor string) (id string, err error) {
	mark := p.View.Texts(language(me)).Text(view.M("callme.mark", clip(plain(visitor), maxMarked)))
	err = p.router.Ask(r.Context(), func(ctx context.Context) (err error) {
		id, err = p.Ctl.CtdDial(ctx, ctlproto.CtdDialParams{
			Caller: me.AOR.String(), Callee: visitor, CalleeName: mark[:cutAt(mark, maxMark)],
			NoAutoAnswer: 1, // a stranger must not hear the room
			Visitor:      1,
			Actor:        ctlproto.VisitorActor + session.Of(r).Client.Addr.String(),
		})
		return err
	})
	return id, err
}

// maxMark is the longest name for the owner's phone, in bytes, as ctd.dial takes
// it; maxMarked is how much of it is the visitor's address, in characters.
const maxMark, maxMarked = 128, 48

// language is the one that somebody chose, else English.
func language(me store.Profile) string {
	if me.Language == "" {
		return view.English
	}
	return me.Language
}

// notRung says why the router began no attempt, or may have begun one. What it certainly
// had no part in does not count against anybody.
func (p *Portal) notRung(w http.ResponseWriter, r *http.Request, me store.Profile, f *form.Form, id int64, err error) {
	var status int
	var fault view.Msg
	switch code := ctlproto.CodeOf(err); {
	case code == ctlproto.CodeInvalidParams: // it leads to a gateway, for one
		status, fault = http.StatusConflict, view.M("callme.not_now", me.Name())
	case code == ctlproto.CodeBusy:
		status, fault = http.StatusConflict, view.M("callme.busy", me.Name())
	case ctlproto.MayHaveBegun(err):
		status, fault = http.StatusServiceUnavailable, view.M("callme.late", me.Name())
	}
	p.Log.Warn("visitor not connected", "user", me.AOR.String(), "error", err)
	if fault.Key == "" {
		p.notBegun(w, r, me, f, id)
		return
	}
	p.showPerson(w, r, status, me, f, fault)
}

// notBegun forgets a request that the router had no part in, and says so.
func (p *Portal) notBegun(w http.ResponseWriter, r *http.Request, me store.Profile, f *form.Form, id int64) {
	if err := p.DB.CallMe.Forget(r.Context(), me.AOR, id); err != nil {
		p.Log.Warn("request not forgotten", "user", me.AOR.String(), "error", err)
	}
	p.showPerson(w, r, http.StatusServiceUnavailable, me, f, view.M("callme.away"))
}

// record writes the audit's line: a stranger made somebody's phone ring.
func (p *Portal) record(r *http.Request, owner aor.AOR, visitor, source string) {
	err := p.DB.Audit.Append(r.Context(), store.Record{
		Actor: "visitor", Source: session.Of(r).Client.Addr.String(), Action: "call.request", Object: owner.String(), After: visitor,
	})
	if err != nil {
		p.Log.Error("request not recorded", "user", owner.String(), "source", source, "error", err)
	}
}
