package user

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// Pages of the end of an account.
const (
	pathLeave   = pathAccount + "/delete"
	pathGoodbye = "/user/goodbye"
)

// leavePage is the data of leave.html.
type leavePage struct {
	Form *form.Form
	// What goes, in words.
	What []view.Msg
	// Fault is why it cannot be now; its key is "" if it can.
	Fault view.Msg
	// Refused says that it cannot be at all: there is no form.
	Refused bool
}

// LeaveAsk says what goes with the account, and asks for the password (GET
// /user/account/delete).
func (p *Portal) LeaveAsk(w http.ResponseWriter, r *http.Request) {
	p.askLeave(w, r, http.StatusOK, leavePage{Form: form.New()})
}

func (p *Portal) askLeave(w http.ResponseWriter, r *http.Request, status int, page leavePage) {
	me := owner(r)
	held, err := p.DB.Subscribers.Belongings(r.Context(), me)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if held.Privileges > 0 {
		page.Refused, page.Fault = true, view.M("leave.administrator")
	}
	phones := p.phones(r)
	page.What = goesAlong(held, len(phones.Phones))
	if phones.Away && page.Fault.Key == "" {
		page.Fault = view.M("leave.not_yet")
	}
	p.View.Page(w, r, status, "leave", view.Page{Title: view.M("leave.title"), Tab: tabAccount, Data: page})
}

// goesAlong lists what goes, in words; what there is none of is left out.
func goesAlong(held store.Belongings, phones int) []view.Msg {
	all := []view.Msg{view.M("leave.profile")}
	for _, part := range []struct {
		n   int
		key string
	}{
		{phones, "leave.phones"}, {held.Aliases, "leave.aliases"}, {held.Entries, "leave.entries"}, {held.Messages, "leave.messages"},
		{held.Sessions, "leave.sessions"},
	} {
		switch {
		case part.n == 1:
			all = append(all, view.M(part.key+".one"))
		case part.n > 1:
			all = append(all, view.M(part.key, strconv.Itoa(part.n)))
		}
	}
	return append(all, view.M("leave.calls"))
}

// Leave deletes the owner's account with everything that is theirs (POST
// /user/account/delete). While the router cannot be told, nothing is done: the
// phones would go on ringing. An administrator's account is deleted by another
// administrator.
func (p *Portal) Leave(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	privileges, err := p.DB.Admins.List(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if len(privileges) > 0 {
		p.askLeave(w, r, http.StatusConflict, leavePage{Form: f})
		return
	}
	if err := p.confirmLeave(r, f); err != nil {
		p.fail(w, r, err)
		return
	}
	if !f.OK() {
		p.askLeave(w, r, http.StatusUnprocessableEntity, leavePage{Form: f})
		return
	}
	// The router first: if it does not answer, all stays. The phones are taken off once the
	// account is gone: a contact that was added by hand does not come back by itself.
	if err := portal.Ready(r.Context(), p.acts, owner(r)); err != nil {
		p.Log.Warn("account not deleted: router", "user", owner(r).String(), "error", err)
		p.askLeave(w, r, http.StatusServiceUnavailable, leavePage{Form: f, Fault: view.M("leave.away")})
		return
	}
	p.finishLeave(w, r)
}

// confirmLeave checks the password once more.
func (p *Portal) confirmLeave(r *http.Request, f *form.Form) error {
	const field = "password"
	if f.Value(field) == "" {
		f.Fail(field, "form.empty")
		return nil
	}
	return p.confirmOwner(r, f, field)
}

// finishLeave deletes the account, tells everybody, and says goodbye.
func (p *Portal) finishLeave(w http.ResponseWriter, r *http.Request) {
	me, v := owner(r), session.Of(r)
	// What has begun is brought to its end, whether or not the browser waits for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), leaveTime)
	defer cancel()
	err := p.DB.Subscribers.Delete(ctx, me)
	switch {
	case errors.Is(err, store.ErrLastAdmin): // became one just now
		p.askLeave(w, r, http.StatusConflict, leavePage{Form: form.New()})
		return
	case err != nil:
		p.fail(w, r, err)
		return
	}
	err = p.DB.Audit.Append(ctx, store.Record{Actor: me.String(), Source: v.Client.Addr.String(), Action: "subscriber.delete", Object: me.String()})
	if err != nil {
		p.Log.Error("deletion not recorded", "user", me.String(), "error", err)
	}
	p.live.SessionsChanged(me)
	p.live.PrivacyChanged(me)
	p.live.calls.drop(me)
	to := pathGoodbye
	if err := portal.ForgetDeleted(ctx, p.acts, me, me); err != nil {
		p.Log.Error("router not told of a deleted account", "user", me.String(), "error", ctlproto.OneLine(err))
		to += "?late=1"
	}
	if err := p.Sessions.End(ctx, w, v.Client, v.Session); err != nil {
		p.Log.Warn("session not ended", "user", me.String(), "error", err)
	}
	p.Log.Info("account deleted by its owner", "user", me.String(), "source", v.Client.Addr)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// leaveTime bounds all that follows the decision.
const leaveTime = 15 * time.Second

// Goodbye is what remains of an account (GET /user/goodbye).
func (p *Portal) Goodbye(w http.ResponseWriter, r *http.Request) {
	late := view.Msg{}
	if r.URL.Query().Get("late") != "" {
		late = view.M("leave.late")
	}
	p.View.Page(w, r, http.StatusOK, "goodbye", view.Page{Title: view.M("leave.goodbye"), Data: late})
}

// drop forgets the attempts of a user who is no more.
func (c *calls) drop(who aor.AOR) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byOwner, who)
	delete(c.devices, who)
}
