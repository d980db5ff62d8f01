package user

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// Lifetimes of a contact that is added by hand.
const (
	lifetimeHour      = "hour"
	lifetimeDay       = "day"
	lifetimePermanent = "permanent"
)

// lifetimes are the choices; 0 never ends.
var lifetimes = []struct {
	name string
	time time.Duration
}{{lifetimeHour, time.Hour}, {lifetimeDay, 24 * time.Hour}, {lifetimePermanent, 0}}

// manualQ is the preference of such a contact: below a phone that names none.
const manualQ = 0.5

// PhoneAdd adds a contact by hand (POST /user/account/phones).
func (p *Portal) PhoneAdd(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	me := owner(r)
	contact, err := p.readContact(r, f)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	lifetime := readLifetime(f)
	if f.OK() {
		err := p.acts.UlAdd(r.Context(), ctlproto.UlAddParams{
			AoR: me.String(), Contact: contact, Expires: int64(lifetime / time.Second), Q: manualQ,
		})
		if err != nil {
			p.Log.Warn("contact not added", "user", me.String(), "may_be_yet", ctlproto.MayHaveBegun(err), "error", err)
			f.Fail("contact", addFault(err))
		}
	}
	if !f.OK() {
		p.showPhones(w, r, http.StatusUnprocessableEntity, p.phones(r), f)
		return
	}
	p.audit(r, "location.add", "", contact+", "+f.Value("lifetime"))
	p.done(w, r, pathPhones, view.M("phones.added", contact))
}

// addFault is the text for a contact that the router did not take.
func addFault(err error) string {
	if ctlproto.MayHaveBegun(err) {
		return "phones.late_add"
	}
	switch ctlproto.CodeOf(err) {
	case 0, ctlproto.CodeUnavailable:
		return "phones.away_add"
	case ctlproto.CodeBusy:
		return "phones.too_many"
	case ctlproto.CodeExists:
		return "phones.registered"
	}
	return "phones.refused"
}

// readContact is the SIP URI of what was typed: a bare name takes the owner's
// domain. The owner's own addresses are none, for calls would go round in circles;
// nor is one that the operator's rules deny, nor what is no place of a phone.
func (p *Portal) readContact(r *http.Request, f *form.Form) (string, error) {
	contact := typedContact(f, owner(r).Domain)
	if !f.OK() {
		return "", nil
	}
	own, err := p.isOwn(r, contact)
	if err != nil {
		return "", err
	}
	if own {
		f.Fail("contact", "phones.own_address")
		return contact, nil
	}
	if p.ContactRules.Denies(contact) {
		f.Fail("contact", "phones.denied")
		return contact, nil
	}
	fault, err := p.contactFault(r.Context(), owner(r), contact)
	if fault != "" && err == nil {
		f.Fail("contact", fault)
	}
	return contact, err
}

func typedContact(f *form.Form, domain string) string {
	typed := f.Required("contact", aor.MaxURI)
	if typed == "" || !f.OK() {
		return ""
	}
	contact, err := aor.CanonicalURI(typed, domain)
	if err != nil || !strings.HasPrefix(contact, "sip:") && !strings.HasPrefix(contact, "sips:") {
		f.Fail("contact", "phones.bad_contact")
	}
	return contact
}

// isOwn reports whether a URI is the owner's address or one of the aliases.
func (p *Portal) isOwn(r *http.Request, uri string) (bool, error) {
	aliases, err := p.DB.Aliases.List(r.Context(), owner(r))
	if err != nil {
		return false, err
	}
	own := append(aliases, owner(r))
	return slices.ContainsFunc(own, func(a aor.AOR) bool { return plainURI(uri) == a.URI() }), nil
}

func readLifetime(f *form.Form) time.Duration {
	name := f.Value("lifetime")
	for _, l := range lifetimes {
		if l.name == name {
			return l.time
		}
	}
	f.Fail("lifetime", "form.choice")
	return 0
}
