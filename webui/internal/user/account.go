package user

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"
	"time"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// tabAccount is the tab of these pages.
const tabAccount = "account"

//go:embed zones.txt
var zoneList string

// accountPage is the data of account.html.
type accountPage struct {
	Form            *form.Form
	Zones, Presence []view.Option
	Languages       []view.Option
	// Aliases and Groups are the other addresses and the permissions.
	Aliases []aliasRow
	Groups  []view.Msg
	// Mail says that the portal sends mail.
	Mail bool
	// Pending is the mail address that waits for its confirmation, "" for none, and
	// Mailbox the one that mails go to meanwhile; Unconfirmed says that the profile's own
	// waits.
	Pending, Mailbox string
	Unconfirmed      bool
	// MissedWaits says that the mail of missed calls is wanted, and there is no address
	// yet that it may go to.
	MissedWaits bool
	// MayRequest says that people give themselves aliases here.
	MayRequest bool
	// Phones is how many are registered; Away says that it is not known.
	Phones int
	Away   bool
}

// presences are the levels of presence privacy in the order of the form.
var presences = []store.Presence{store.PresenceNobody, store.PresenceSignedIn, store.PresenceEveryone}

// Account shows the profile (GET /user/account).
func (p *Portal) Account(w http.ResponseWriter, r *http.Request) {
	pending, err := p.pendingMail(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.showAccount(w, r, http.StatusOK, p.profileForm(session.Of(r).Profile, pending))
}

// profileForm shows a profile as it is; pending is the mail address that waits.
func (p *Portal) profileForm(me store.Profile, pending string) *form.Form {
	return form.Showing(
		"first_name", me.FirstName, "last_name", me.LastName, "email", shownMail(me, pending), "phone", me.Phone,
		"time_zone", me.TimeZone, "language", p.View.Match(me.Language), "presence", string(me.Presence), "findable", form.Checked(me.Findable),
		"auto_answer", form.Checked(me.AutoAnswer), "missed_mail", form.Checked(me.MissedMail != ""),
	)
}

// AccountSave changes what was typed of the profile (POST /user/account). What another
// page changed since this one was made stays.
func (p *Portal) AccountSave(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	before := session.Of(r).Profile
	pending, err := p.pendingMail(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	f.Rebase(p.profileForm(before, pending))
	me := readProfile(f, before)
	if p.MailOn {
		needsMail(f, before, me.Email)
	}
	me.Language = p.readLanguage(f, before.Language)
	wish, err := p.readMail(r, f, before, pending, &me)
	if p.MailOn {
		readMissedMail(f, before, wish, pending, &me)
	}
	var told view.Msg
	if err == nil && f.OK() {
		if err = p.DB.Profiles.Change(r.Context(), before, me); err == nil {
			told, err = p.mailChanged(r, before, me, wish)
		}
	}
	if err != nil && !f.Take(err) {
		p.fail(w, r, err)
		return
	}
	if !f.OK() {
		p.showAccount(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	if me.Language != before.Language {
		session.SetLanguage(w, session.Of(r).Client, me.Language)
	}
	if me.Presence != before.Presence {
		p.live.PrivacyChanged(me.AOR)
	}
	p.done(w, r, pathAccount, told)
}

// readProfile puts what was typed into a profile, whose other fields stay.
func readProfile(f *form.Form, me store.Profile) store.Profile {
	zone := me.TimeZone
	me.FirstName, me.LastName = f.Text("first_name", 64), f.Text("last_name", 64)
	me.Email, me.Phone = f.Text("email", 254), f.Text("phone", 32)
	if strings.Trim(me.Phone, "0123456789+ -()./") != "" {
		f.Fail("phone", "account.bad_phone")
	}
	me.TimeZone = f.Choice("time_zone", append(zones(), "", zone)...)
	var levels []string
	for _, level := range presences {
		levels = append(levels, string(level))
	}
	me.Presence = store.Presence(f.Choice("presence", levels...))
	me.Findable, me.AutoAnswer = f.Checked("findable"), f.Checked("auto_answer")
	return me
}

func (p *Portal) showAccount(w http.ResponseWriter, r *http.Request, status int, f *form.Form) {
	aliases, err := p.aliases(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	groups, err := p.DB.Groups.List(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	pending, err := p.pendingMail(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	phones, me := p.phones(r), session.Of(r).Profile
	page := accountPage{
		Pending: pending, Mailbox: me.Mail(), Unconfirmed: p.MailOn && me.Unconfirmed, MissedWaits: p.MailOn && me.MissedMail != "" && me.Mail() == "",
		Form: f, Zones: p.zoneOptions(r, me.TimeZone), Phones: len(phones.Phones), Away: phones.Away,
		Languages: p.languageOptions(r), Aliases: aliases, Groups: p.permissions(groups), MayRequest: p.AliasRules.Limit > 0, Mail: p.MailOn,
	}
	for _, level := range presences {
		page.Presence = append(page.Presence, view.Option{Value: string(level), Label: p.View.TextsFor(r).Text(view.M("presence." + string(level)))})
	}
	p.View.Page(w, r, status, "account", view.Page{Title: view.M("account.title"), Tab: tabAccount, Data: page})
}

// permissionOrder is the order in which people think of permissions; others
// follow.
var permissionOrder = []string{"local", "ld", "int", "voicemail"}

// permissions are the groups in plain words; one that we have no word for has
// its own name.
func (p *Portal) permissions(groups []string) (words []view.Msg) {
	place := func(name string) int {
		if i := slices.Index(permissionOrder, name); i >= 0 {
			return i
		}
		return len(permissionOrder)
	}
	slices.SortStableFunc(groups, func(a, b string) int { return place(a) - place(b) })
	for _, name := range groups {
		word := view.Msg{Key: "group." + name}
		if !p.View.Texts(view.English).Has(word.Key) {
			word = view.M("group", name)
		}
		words = append(words, word)
	}
	return words
}

// zones are the names of the time zones that can be chosen.
func zones() []string {
	var all []string
	for line := range strings.Lines(zoneList) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

// zoneOptions are the choices of time zones; one that was set by other means is
// among them, too.
func (p *Portal) zoneOptions(r *http.Request, current string) []view.Option {
	names := zones()
	if current != "" && !slices.Contains(names, current) {
		names = append(names, current)
	}
	options := []view.Option{{Value: "", Label: p.View.TextsFor(r).Text(view.M("account.zone_default"))}}
	for _, name := range names {
		if _, err := time.LoadLocation(name); err == nil {
			options = append(options, view.Option{Value: name, Label: strings.ReplaceAll(name, "_", " ")})
		}
	}
	return options
}
