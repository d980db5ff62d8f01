package admin

import (
	"crypto/rand"
	"net/http"
	"strings"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// A password that is made has 16 letters and digits in groups of four, of an
// alphabet of 32 in which nothing looks like something else: 80 bits.
const (
	passwordAlphabet = "abcdefghijkmnpqrstuvwxyz23456789"
	passwordLength   = 16
	passwordGroup    = 4
)

// newPassword makes a password.
func newPassword() string {
	var random [passwordLength]byte
	rand.Read(random[:]) // never fails, see crypto/rand
	var b strings.Builder
	for i, n := range random {
		if i > 0 && i%passwordGroup == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(passwordAlphabet[int(n)%len(passwordAlphabet)]) // 32 divides 256: no letter comes more often
	}
	return b.String()
}

// readPassword is the password that was typed, as it was typed, or one that is
// made because none was.
func readPassword(f *form.Form, name string) (password string, made bool) {
	if f.Value("new_password") == "" && f.Value("again") == "" {
		return newPassword(), true
	}
	return portal.NewPassword(f, name), false
}

// passwordPage is the data of admin-password.html.
type passwordPage struct {
	account
	Form *form.Form
}

// Password shows the form for a new password (GET /admin/users/ADDRESS/password).
func (p *Portal) Password(w http.ResponseWriter, r *http.Request) {
	if a, ok := p.others(w, r); ok {
		p.askPassword(w, r, http.StatusOK, passwordPage{a, form.New()})
	}
}

func (p *Portal) askPassword(w http.ResponseWriter, r *http.Request, status int, page passwordPage) {
	p.View.Page(w, r, status, "admin-password", view.Page{Title: view.M("admin.password.title", page.Profile.Name()), Tab: tabUsers, Data: page})
}

// PasswordReset sets a new password and ends the user's sessions (POST
// /admin/users/ADDRESS/password).
func (p *Portal) PasswordReset(w http.ResponseWriter, r *http.Request) {
	a, f, ok := p.posted(w, r, p.others)
	if !ok {
		return
	}
	password, made := readPassword(f, a.AOR.User)
	if !f.OK() {
		p.askPassword(w, r, http.StatusUnprocessableEntity, passwordPage{a, f})
		return
	}
	if err := p.DB.Subscribers.SetPassword(r.Context(), a.AOR, password); err != nil {
		p.fail(w, r, err)
		return
	}
	c := change{
		who: a.AOR, action: "subscriber.password", tell: p.forget,
		late: view.M("admin.password.late"), note: view.M("admin.password.done", a.Profile.Name()),
	}
	if err := p.endSessions(r, a); err != nil {
		p.Log.Error("sessions not ended after a new password", "user", a.AOR.String(), "error", err)
		c.note = view.M("admin.password.done_signed_in", a.Profile.Name())
	}
	if made {
		p.showPassword(w, r, a.Profile, password, c)
		return
	}
	p.finish(w, r, a.Path(), c)
}

// endSessions signs a user out everywhere.
func (p *Portal) endSessions(r *http.Request, a account) error {
	ctx, cancel := afterwards(r)
	defer cancel()
	_, err := p.DB.Sessions.RevokeAll(ctx, a.AOR, 0)
	p.SessionsChanged(a.AOR)
	return err
}

// madePage is the data of admin-made.html.
type madePage struct {
	Address, Password, Path string
	Note                    string
}

// showPassword ends a change with the password that was made for it. It is in
// this answer and nowhere else: not in a cookie, not in the address, not kept.
func (p *Portal) showPassword(w http.ResponseWriter, r *http.Request, me store.Profile, password string, c change) {
	told := p.follow(r, c)
	p.View.Page(w, r, http.StatusOK, "admin-made", view.Page{
		Title: view.M("made.title", me.Name()), Tab: tabUsers,
		Data: madePage{me.AOR.String(), password, userPath(me.AOR), told.Args[0]},
	})
}
