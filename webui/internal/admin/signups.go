package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"seraph/sql/store"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// pathSignUps is the page of new accounts that wait.
const pathSignUps = "/admin/sign-ups"

// signUpsPage is the data of admin-signups.html.
type signUpsPage struct {
	List view.List
	Rows []signUpRow
}

// signUpRow is one new account that waits.
type signUpRow struct{ store.SignUp }

// Name is the newcomer's.
func (row signUpRow) Name() string {
	return store.Profile{AOR: row.AOR, FirstName: row.First, LastName: row.Last}.Name()
}

// Path is below the row's own.
func (row signUpRow) Path(act string) string {
	return pathSignUps + "/" + strconv.FormatInt(row.ID, 10) + "/" + act
}

// SignUps lists the new accounts that wait for an administrator of their domain
// (GET /admin/sign-ups), the oldest first.
func (p *Portal) SignUps(w http.ResponseWriter, r *http.Request) {
	page := signUpsPage{List: view.ParseList(r, 50, "created")}
	list, total, err := p.DB.Pending.Approvals(r.Context(), rights(r).Scope(), page.List.Size, page.List.Offset())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page.List.Total = total
	for _, s := range list {
		page.Rows = append(page.Rows, signUpRow{s})
	}
	p.View.Page(w, r, http.StatusOK, "admin-signups", view.Page{Title: view.M("signups.title"), Tab: tabUsers, Data: page})
}

// signUp is the new account that a path names; false if the actor sees none such.
func (p *Portal) signUp(w http.ResponseWriter, r *http.Request) (signUpRow, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		p.View.Error(w, r, http.StatusNotFound)
		return signUpRow{}, false
	}
	s, err := p.DB.Pending.FindApproval(r.Context(), rights(r).Scope(), id)
	if err != nil {
		p.fail(w, r, err)
		return signUpRow{}, false
	}
	return signUpRow{s}, true
}

// SignUpApprove makes the account (POST /admin/sign-ups/ID/approve).
func (p *Portal) SignUpApprove(w http.ResponseWriter, r *http.Request) {
	row, ok := p.signUp(w, r)
	if !ok {
		return
	}
	s, err := p.DB.Pending.Approve(r.Context(), rights(r).Scope(), row.ID)
	switch {
	case errors.Is(err, store.ErrMailKnown):
		p.done(w, r, pathSignUps, session.Flash{Key: "signups.mail_known", Args: []string{row.AOR.String(), row.Email}})
		return
	case errors.Is(err, store.ErrExists):
		p.done(w, r, pathSignUps, session.Flash{Key: "signups.taken", Args: []string{row.AOR.String()}})
		return
	case err != nil:
		p.fail(w, r, err)
		return
	}
	p.SignUpDecided(s, true)
	p.finish(w, r, pathSignUps, change{
		who: s.AOR, action: "subscriber.approve", after: fmt.Sprintf("e-mail %q", s.Email), tell: p.forget,
		late: view.M("newuser.late"), note: view.M("signups.approved", s.AOR.String()),
	})
}

// SignUpDeclineAsk asks whether to decline (GET /admin/sign-ups/ID/decline).
func (p *Portal) SignUpDeclineAsk(w http.ResponseWriter, r *http.Request) {
	row, ok := p.signUp(w, r)
	if !ok {
		return
	}
	p.View.Confirm(w, r, view.M("signups.decline_title", row.AOR.String()), tabUsers, view.Question{
		Text: view.M("signups.decline_text", row.Email), Button: view.M("signups.decline"), Action: row.Path("decline"), Back: pathSignUps,
	})
}

// SignUpDecline forgets the sign-up (POST /admin/sign-ups/ID/decline).
func (p *Portal) SignUpDecline(w http.ResponseWriter, r *http.Request) {
	row, ok := p.signUp(w, r)
	if !ok {
		return
	}
	s, err := p.DB.Pending.Decline(r.Context(), rights(r).Scope(), row.ID)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.SignUpDecided(s, false)
	p.finish(w, r, pathSignUps, change{
		who: s.AOR, action: "subscriber.decline", before: fmt.Sprintf("e-mail %q", s.Email), note: view.M("signups.declined", s.AOR.String()),
	})
}
