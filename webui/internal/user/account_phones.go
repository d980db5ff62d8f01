package user

import (
	"context"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// phonesPage is the data of phones.html and of the part "phones".
type phonesPage struct {
	// Away says that the router did not tell the contacts.
	Away   bool
	Phones []phone
	// Form adds a contact.
	Form      *form.Form
	Lifetimes []view.Option
}

// phone is one registered contact.
type phone struct {
	Contact   string
	RUID      string // of the binding: phones in two networks may have one Contact; "" if the router did not say
	Agent     string // "" if it did not say
	Transport string // "UDP"
	Source    string // host and port that it speaks from; "" for what no phone registered
	NAT       bool   // Source is not what the contact says
	Permanent bool
	Expires   time.Time // if not Permanent
	Q         string    // "" if it named none
}

// RemovePath leads to the question whether to remove it.
func (c phone) RemovePath() string {
	values := url.Values{}
	for name, value := range fieldsOf(c.Contact, c.RUID) {
		values.Set(name, value)
	}
	return pathPhones + "/remove?" + values.Encode()
}

// fieldsOf name a phone in the question and in its answer.
func fieldsOf(contact, ruid string) map[string]string {
	fields := map[string]string{"contact": contact}
	if ruid != "" {
		fields["ruid"] = ruid
	}
	return fields
}

// RemoveID is the id of the link to it, the same each time the list is made: the
// focus stays on a link whose id comes back.
func (c phone) RemoveID() string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(c.Contact + c.RUID)) // never fails
	return "remove-" + strconv.FormatUint(sum.Sum64(), 36)
}

// Phones shows the registered contacts (GET /user/account/phones): the page, or
// to htmx the list alone.
func (p *Portal) Phones(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "HX-Request")
	page := p.phones(r)
	if portal.FromHTMX(r) {
		p.View.Fragment(w, r, http.StatusOK, "phones", page)
		return
	}
	p.showPhones(w, r, http.StatusOK, page, form.New("lifetime", lifetimeHour))
}

func (p *Portal) showPhones(w http.ResponseWriter, r *http.Request, status int, page phonesPage, f *form.Form) {
	page.Form = f
	for _, l := range lifetimes {
		page.Lifetimes = append(page.Lifetimes, view.Option{Value: l.name, Label: p.View.TextsFor(r).Text(view.M("phones.lifetime_" + l.name))})
	}
	p.View.Page(w, r, status, "phones", view.Page{Title: view.M("phones.title"), Tab: tabAccount, Data: page})
}

// phones asks the router for the owner's contacts. Where it cannot be asked the
// page says so.
func (p *Portal) phones(r *http.Request) phonesPage {
	contacts, err := p.contacts(r.Context(), owner(r))
	if err != nil {
		p.Log.Warn("contacts not known", "user", owner(r).String(), "error", err)
		return phonesPage{Away: true}
	}
	var page phonesPage
	for _, c := range contacts {
		page.Phones = append(page.Phones, newPhone(c, p.Now()))
	}
	return page
}

// contacts are the bindings of a user; none is no error.
func (p *Portal) contacts(ctx context.Context, who aor.AOR) (contacts []ctlproto.Contact, err error) {
	err = p.router.Ask(ctx, func(ctx context.Context) (err error) {
		contacts, err = p.Ctl.UlLookup(ctx, who.String())
		return err
	})
	if ctlproto.CodeOf(err) == ctlproto.CodeNotFound {
		return nil, nil
	}
	return contacts, err
}

func newPhone(c ctlproto.Contact, now time.Time) phone {
	f := phone{Contact: c.Address, RUID: c.RUID, Agent: c.UserAgent, Permanent: c.Permanent, Expires: now.Add(c.Expires)}
	host, transport := sourceOf(c.Address)
	if c.Socket != "" {
		f.Source = host
	}
	if c.Received != "" {
		source, t := sourceOf(c.Received)
		f.NAT, f.Source, transport = source != host, source, t
	}
	if proto, _, found := strings.Cut(c.Socket, ":"); found { // what it really came by
		transport = proto
	}
	f.Transport = strings.ToUpper(transport)
	if c.Q >= 0 {
		f.Q = strconv.FormatFloat(c.Q, 'g', 3, 64)
	}
	return f
}

// sourceOf takes host:port and transport out of a SIP URI, for people to read.
func sourceOf(uri string) (host, transport string) {
	transport = "udp"
	scheme, rest, _ := strings.Cut(uri, ":")
	if strings.EqualFold(scheme, "sips") {
		transport = "tls"
	}
	if _, after, found := strings.Cut(rest, "@"); found {
		rest = after
	}
	rest, _, _ = strings.Cut(rest, "?")
	host, params, _ := strings.Cut(rest, ";")
	for param := range strings.SplitSeq(params, ";") {
		if name, value, _ := strings.Cut(param, "="); strings.EqualFold(name, "transport") && value != "" {
			transport = strings.ToLower(value)
		}
	}
	return host, transport
}

// PhoneAsk asks whether to remove a phone (GET /user/account/phones/remove?contact=URI&ruid=ID).
func (p *Portal) PhoneAsk(w http.ResponseWriter, r *http.Request) {
	found, another, ok := p.ownPhone(w, r, r.URL.Query().Get)
	if !ok {
		return
	}
	text := view.M("phones.remove_text", found.Address)
	if at := newPhone(found, p.Now()).Source; another && at != "" {
		text = view.M("phones.remove_same", found.Address, at)
	}
	p.View.Confirm(w, r, view.M("phones.remove_title"), tabAccount, view.Question{
		Text: text, Button: view.M("phones.remove_button"),
		Action: pathPhones + "/remove", Fields: fieldsOf(found.Address, found.RUID), Back: pathPhones,
	})
}

// PhoneRemove removes a phone (POST /user/account/phones/remove): the one that was asked about, and
// no other one with its contact.
func (p *Portal) PhoneRemove(w http.ResponseWriter, r *http.Request) {
	found, _, ok := p.ownPhone(w, r, r.PostFormValue)
	if !ok {
		return
	}
	contact := found.Address
	err := p.acts.UlRmBinding(r.Context(), owner(r).String(), contact, found.RUID)
	switch {
	case ctlproto.CodeOf(err) == ctlproto.CodeNotFound: // it has just gone by itself
	case err == nil:
		p.audit(r, "location.remove", contact, "")
	case err != nil:
		p.Log.Warn("contact not removed", "user", owner(r).String(), "error", err)
		text := view.M("phones.not_removed")
		if ctlproto.MayHaveBegun(err) {
			text = view.M("phones.late_remove", contact)
		}
		p.notDone(w, r, pathPhones, text)
		return
	}
	p.done(w, r, pathPhones, view.M("phones.removed", contact))
}

// ownPhone finds a phone that the fields of a form name among the owner's, and tells whether another one has its
// contact, too; 404 if it is none of theirs.
func (p *Portal) ownPhone(w http.ResponseWriter, r *http.Request, field func(name string) string) (found ctlproto.Contact, another, ok bool) {
	contacts, err := p.contacts(r.Context(), owner(r))
	if err != nil {
		p.showPhones(w, r, http.StatusServiceUnavailable, phonesPage{Away: true}, form.New())
		return found, false, false
	}
	for _, c := range contacts {
		if c.Address == field("contact") && c.RUID == field("ruid") {
			found, ok = c, true
		}
	}
	if !ok {
		p.View.Error(w, r, http.StatusNotFound)
		return found, false, false
	}
	return found, anotherHas(contacts, &found), true
}

// anotherHas reports whether a phone other than that of a binding has its contact, too: private addresses in two
// networks may be equal.
func anotherHas(contacts []ctlproto.Contact, b *ctlproto.Contact) bool {
	return slices.ContainsFunc(contacts, func(c ctlproto.Contact) bool { return c.Address == b.Address && !samePhone(&c, b) })
}

// samePhone reports whether two bindings are of one phone: they are one, or flows of one instance
// (RFC 5626), which the router removes together.
func samePhone(a, b *ctlproto.Contact) bool {
	return a.RUID == b.RUID && a.Address == b.Address || a.RegID > 0 && b.RegID > 0 && a.Instance != "" && strings.EqualFold(a.Instance, b.Instance)
}
