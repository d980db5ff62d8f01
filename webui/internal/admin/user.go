package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// account is the user that a page is about, as the actor may treat it.
type account struct {
	store.Profile
	Privileges []store.Privilege
	// May says that the actor may change it; Self that it is the actor's own.
	May, Self bool
}

// Path is the address of the user's page, or of what belongs to it.
func (a account) Path(more ...string) string { return userPath(a.AOR, more...) }

// account finds the user that a path names. One that the actor does not see is
// as good as none; where the answer is false it has been given.
func (p *Portal) account(w http.ResponseWriter, r *http.Request) (account, bool) {
	x := rights(r)
	who, err := aor.Parse(r.PathValue("aor"), "")
	if err != nil || !x.Sees(who) {
		p.View.Error(w, r, http.StatusNotFound)
		return account{}, false
	}
	profile, err := p.DB.Profiles.Load(r.Context(), who)
	if err != nil {
		p.fail(w, r, err)
		return account{}, false
	}
	privileges, err := p.DB.Admins.List(r.Context(), who)
	if err != nil {
		p.fail(w, r, err)
		return account{}, false
	}
	return account{
		Profile: profile, Privileges: privileges,
		May: x.MayChange(RightsOf(who, privileges)), Self: who == actor(r),
	}, true
}

// changeable is account for what changes one: 403 if the actor may not.
func (p *Portal) changeable(w http.ResponseWriter, r *http.Request) (account, bool) {
	a, ok := p.account(w, r)
	if ok && !a.May {
		p.refuse(w, r, view.M("admin.more_rights", a.AOR.String()), a)
		return a, false
	}
	return a, ok
}

// others is changeable for what nobody does to the own account, because it
// would lock the door from the inside.
func (p *Portal) others(w http.ResponseWriter, r *http.Request) (account, bool) {
	a, ok := p.changeable(w, r)
	if ok && a.Self {
		p.refuse(w, r, view.M("admin.own_account"), a)
		return a, false
	}
	return a, ok
}

// posted is may, changeable or others, with the form that was sent: 400 if it cannot be read.
func (p *Portal) posted(w http.ResponseWriter, r *http.Request, may func(http.ResponseWriter, *http.Request) (account, bool)) (account, *form.Form, bool) {
	a, ok := may(w, r)
	if !ok {
		return a, nil, false
	}
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return a, nil, false
	}
	return a, f, true
}

// refuse says why something is not done.
func (p *Portal) refuse(w http.ResponseWriter, r *http.Request, why view.Msg, a account) {
	p.View.Page(w, r, http.StatusForbidden, "admin-refused", view.Page{
		Title: view.M("admin.refused"), Tab: tabUsers, Data: refusedPage{why, a.Path()},
	})
}

// refusedPage is the data of admin-refused.html.
type refusedPage struct {
	Why  view.Msg
	Back string
}

// userPage is the data of admin-user.html.
type userPage struct {
	account
	// Form changes the profile, GroupForm and AliasForm add one.
	Form, GroupForm, AliasForm *form.Form
	Presence                   []view.Option
	// Away says that the router did not tell the phones.
	Away    bool
	Phones  []phone
	Groups  []groupRow
	Grants  []view.Option // groups that the actor may grant, where these are few
	Free    bool          // the actor may grant every group
	Aliases []aor.AOR
}

// phone is one registered contact.
type phone struct {
	Contact, Agent string
	Permanent      bool
	Expires        time.Time // if not Permanent
}

// groupRow is one group that the user is in.
type groupRow struct {
	Name string
	// May says that the actor may take the user out.
	May bool
}

// presences are the levels of presence privacy in the order of the form.
var presences = []store.Presence{store.PresenceNobody, store.PresenceSignedIn, store.PresenceEveryone}

// User shows one user (GET /admin/users/ADDRESS).
func (p *Portal) User(w http.ResponseWriter, r *http.Request) {
	if a, ok := p.account(w, r); ok {
		p.showUser(w, r, http.StatusOK, userPage{account: a})
	}
}

// showUser completes the page: forms that are nil show what there is.
func (p *Portal) showUser(w http.ResponseWriter, r *http.Request, status int, page userPage) {
	if page.Form == nil {
		page.Form = profileForm(page.Profile)
	}
	for _, f := range []**form.Form{&page.GroupForm, &page.AliasForm} {
		if *f == nil {
			*f = form.New()
		}
	}
	for _, level := range presences {
		page.Presence = append(page.Presence, view.Option{Value: string(level), Label: p.text(r, view.M("presence."+string(level)))})
	}
	if err := p.addLists(r, &page); err != nil {
		p.fail(w, r, err)
		return
	}
	p.View.Page(w, r, status, "admin-user", view.Page{Title: view.M("user.title", page.Profile.Name()), Tab: tabUsers, Data: page})
}

func (p *Portal) addLists(r *http.Request, page *userPage) error {
	groups, err := p.DB.Groups.List(r.Context(), page.AOR)
	if err != nil {
		return err
	}
	if page.Aliases, err = p.DB.Aliases.List(r.Context(), page.AOR); err != nil {
		return err
	}
	x := rights(r)
	page.Free = x.Everywhere()
	for _, name := range groups {
		page.Groups = append(page.Groups, groupRow{name, page.May && x.MayGrant(name)})
	}
	for _, name := range x.Groups() {
		if !slices.Contains(groups, name) {
			page.Grants = append(page.Grants, view.Option{Value: name, Label: name})
		}
	}
	page.Phones, err = p.phones(r.Context(), page.AOR)
	if err != nil {
		p.Log.Warn("contacts not known", "user", page.AOR.String(), "error", err)
		page.Away = true
	}
	return nil
}

// profileForm shows a profile as it is.
func profileForm(me store.Profile) *form.Form {
	return form.Showing("first_name", me.FirstName, "last_name", me.LastName, "email", me.Email, "phone", me.Phone,
		"presence", string(me.Presence), "findable", form.Checked(me.Findable))
}

// phones asks the router for a user's contacts.
func (p *Portal) phones(ctx context.Context, who aor.AOR) ([]phone, error) {
	var contacts []ctlproto.Contact
	err := p.router.Ask(ctx, func(ctx context.Context) (err error) {
		contacts, err = p.Ctl.UlLookup(ctx, who.String())
		return err
	})
	if ctlproto.CodeOf(err) == ctlproto.CodeNotFound {
		return nil, nil
	}
	var phones []phone
	for _, c := range contacts {
		phones = append(phones, phone{c.Address, c.UserAgent, c.Permanent, p.Now().Add(c.Expires)})
	}
	return phones, err
}

// UserSave changes what was typed of the profile (POST /admin/users/ADDRESS). What the
// user, or another administrator, changed since the page was made stays.
func (p *Portal) UserSave(w http.ResponseWriter, r *http.Request) {
	a, f, ok := p.posted(w, r, p.changeable)
	if !ok {
		return
	}
	f.Rebase(profileForm(a.Profile))
	me := readProfile(f, a.Profile)
	if f.OK() {
		err := p.DB.Profiles.Change(r.Context(), a.Profile, me)
		if err != nil && !f.Take(err) {
			p.fail(w, r, err)
			return
		}
	}
	if !f.OK() {
		p.showUser(w, r, http.StatusUnprocessableEntity, userPage{account: a, Form: f})
		return
	}
	if me.Presence != a.Presence {
		p.PrivacyChanged(me.AOR)
	}
	p.finish(w, r, a.Path(), change{
		who: a.AOR, action: "subscriber.profile", before: describe(a.Profile), after: describe(me),
		note: view.M("user.saved", me.Name()),
	})
}

// readProfile puts what was typed into a profile, whose other fields stay.
func readProfile(f *form.Form, me store.Profile) store.Profile {
	kept := me.Email
	me = readPerson(f, me)
	me.Phone = f.Text("phone", 32)
	var levels []string
	for _, level := range presences {
		levels = append(levels, string(level))
	}
	me.Presence = store.Presence(f.Choice("presence", levels...))
	me.Findable = f.Checked("findable")
	takeFaults(f, me, kept)
	return me
}

// readPerson reads the names and the e-mail. An address that an administrator types
// counts as confirmed.
func readPerson(f *form.Form, me store.Profile) store.Profile {
	before := me.Email
	me.FirstName, me.LastName, me.Email = f.Text("first_name", 64), f.Text("last_name", 64), f.Text("email", 254)
	if me.Email != before {
		me.Unconfirmed = false
	}
	return me
}

// takeFaults puts what the store would not take of a profile beside its field,
// in our words where we have some. The store names the first fault only, so
// each field is asked about by itself. kept is a mail address that may stay whatever it
// is: other programs wrote some.
func takeFaults(f *form.Form, me store.Profile, kept string) {
	if me.Email == kept {
		me.Email = ""
	}
	for _, one := range []store.Profile{{FirstName: me.FirstName}, {LastName: me.LastName}, {Email: me.Email}, {Phone: me.Phone}} {
		var field *store.FieldError
		if !errors.As(one.Check(), &field) {
			continue
		}
		switch field.Field {
		case "email":
			f.Fail("email", "account.bad_mail")
		case "phone":
			f.Fail("phone", "account.bad_phone")
		default:
			key, args := form.Reason(field)
			f.Fail(field.Field, key, args...)
		}
	}
}

// PrivilegeNames are the account's privileges in words.
func (a account) PrivilegeNames() string {
	names := make([]string, len(a.Privileges))
	for i, name := range a.Privileges {
		names[i] = string(name)
	}
	return strings.Join(names, ", ")
}
