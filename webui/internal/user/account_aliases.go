package user

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// pathAliases is the page of the owner's other addresses.
const pathAliases = pathAccount + "/aliases"

// AliasRules say which aliases people may give themselves. The zero value lets
// nobody: then only the operator does.
type AliasRules struct {
	// Limit is how many aliases one may have and still ask for more; 0 for none.
	Limit int
	// Pattern is what a name must match; nil for any name. One that does
	// not match it is the operator's to give and to take away.
	Pattern *regexp.Regexp
	// Reserved are names, in lower case, that nobody may take.
	Reserved []string
}

// allows reports whether a name is one that people may take and give back.
func (rules AliasRules) allows(name string) bool {
	return rules.Limit > 0 && (rules.Pattern == nil || rules.Pattern.MatchString(name)) && !slices.Contains(rules.Reserved, name)
}

// aliasTries slows down who asks for one taken name after the other: the
// answers tell who has an account here.
var aliasTries = session.ThrottlePolicy{Free: 10, First: 2 * time.Second, Cap: time.Minute, Forget: time.Hour, Keys: 10_000}

// aliasesPage is the data of aliases.html.
type aliasesPage struct {
	Form    *form.Form
	Aliases []aliasRow
	Domain  string
	Limit   int
	// Full says that the owner has as many as are allowed.
	Full bool
}

// aliasRow is one of the owner's other addresses.
type aliasRow struct {
	Address string
	// RemovePath leads to the question whether to give it back, "" if it is the
	// operator's.
	RemovePath string
}

// Aliases shows the owner's other addresses (GET /user/account/aliases).
func (p *Portal) Aliases(w http.ResponseWriter, r *http.Request) {
	p.showAliases(w, r, http.StatusOK, form.New())
}

func (p *Portal) showAliases(w http.ResponseWriter, r *http.Request, status int, f *form.Form) {
	rows, err := p.aliases(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := aliasesPage{Form: f, Aliases: rows, Domain: owner(r).Domain, Limit: p.AliasRules.Limit, Full: len(rows) >= p.AliasRules.Limit}
	p.View.Page(w, r, status, "aliases", view.Page{Title: view.M("aliases.title"), Tab: tabAccount, Data: page})
}

// aliases are the rows of the owner's aliases.
func (p *Portal) aliases(r *http.Request) ([]aliasRow, error) {
	list, err := p.DB.Aliases.List(r.Context(), owner(r))
	if err != nil {
		return nil, err
	}
	var rows []aliasRow
	for _, alias := range list {
		row := aliasRow{Address: alias.String()}
		if p.mayGiveBack(alias, owner(r)) {
			row.RemovePath = pathAliases + "/remove?" + url.Values{"alias": {row.Address}}.Encode()
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// mayGiveBack reports whether the owner could have taken the alias by
// themselves: who may take it may give it back.
func (p *Portal) mayGiveBack(alias, owner aor.AOR) bool {
	return alias.Domain == owner.Domain && p.AliasRules.allows(alias.User)
}

// AliasAdd gives the owner another address (POST /user/account/aliases), within
// the operator's rules. It counts for the router at once.
func (p *Portal) AliasAdd(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	alias := p.readAlias(f, owner(r))
	if f.OK() {
		if err := p.takeAlias(r, f, alias); err != nil {
			p.fail(w, r, err)
			return
		}
	}
	if !f.OK() {
		p.showAliases(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	p.audit(r, "alias.add", "", alias.String())
	told := view.M("aliases.added", alias.String())
	if !p.reloadAliases(r) {
		told = view.M("aliases.added_later", alias.String())
	}
	p.done(w, r, pathAliases, told)
}

// readAlias reads a name that the rules allow.
func (p *Portal) readAlias(f *form.Form, me aor.AOR) aor.AOR {
	typed := f.Required("alias", aor.MaxURI)
	if !f.OK() {
		return aor.AOR{}
	}
	alias, err := aor.Parse(typed, me.Domain)
	switch {
	case err != nil:
		f.Fail("alias", "aliases.bad_name")
	case alias.Domain != me.Domain:
		f.Fail("alias", "aliases.other_domain", me.Domain)
	case !p.AliasRules.allows(alias.User):
		f.Fail("alias", "aliases.not_allowed")
	}
	return alias
}

// takeAlias writes the alias; what keeps it from being the owner's goes beside
// the field.
func (p *Portal) takeAlias(r *http.Request, f *form.Form, alias aor.AOR) error {
	me := owner(r)
	if wait := p.aliasTries.Enter(me.String()); wait > 0 {
		f.Fail("alias", "aliases.slow_down", portal.WaitSeconds(wait))
		return nil
	}
	err := p.DB.Aliases.AddWithin(r.Context(), alias, me, p.AliasRules.Limit)
	if !errors.Is(err, store.ErrExists) {
		p.aliasTries.Forgive(me.String())
	}
	switch {
	case errors.Is(err, store.ErrExists):
		f.Fail("alias", "aliases.taken")
	case errors.Is(err, store.ErrFull):
		f.Fail("alias", "aliases.full", strconv.Itoa(p.AliasRules.Limit))
	case err != nil && !f.Take(err):
		return err
	}
	return nil
}

// AliasAsk asks before an alias is given back (GET
// /user/account/aliases/remove?alias=ADDRESS).
func (p *Portal) AliasAsk(w http.ResponseWriter, r *http.Request) {
	alias, err := p.ownAlias(r, r.URL.Query().Get("alias"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	text := view.M("aliases.remove_text", alias.String())
	if days := int(p.DB.KeepsFreed() / (24 * time.Hour)); days > 0 {
		text = view.Msg{Key: countKey("aliases.remove_text_kept", days), Args: []string{alias.String(), strconv.Itoa(days)}}
	}
	p.View.Confirm(w, r, view.M("aliases.remove_title", alias.String()), tabAccount, view.Question{
		Text: text, Button: view.M("aliases.remove_button"),
		Action: pathAliases + "/remove", Fields: map[string]string{"alias": alias.String()}, Back: pathAliases,
	})
}

// AliasRemove gives an alias back (POST /user/account/aliases/remove).
func (p *Portal) AliasRemove(w http.ResponseWriter, r *http.Request) {
	alias, err := p.ownAlias(r, r.PostFormValue("alias"))
	if err == nil {
		err = p.DB.Aliases.Remove(r.Context(), alias, owner(r))
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.audit(r, "alias.remove", alias.String(), "")
	told := view.M("aliases.removed", alias.String())
	if !p.reloadAliases(r) {
		told = view.M("aliases.removed_later", alias.String())
	}
	p.done(w, r, pathAliases, told)
}

// ownAlias finds an alias among those that the owner may give back; else
// store.ErrNotFound.
func (p *Portal) ownAlias(r *http.Request, text string) (aor.AOR, error) {
	list, err := p.DB.Aliases.List(r.Context(), owner(r))
	if err != nil {
		return aor.AOR{}, err
	}
	for _, alias := range list {
		if alias.String() == text && p.mayGiveBack(alias, owner(r)) {
			return alias, nil
		}
	}
	return aor.AOR{}, store.ErrNotFound
}

// reloadAliases makes the router read the aliases; false if it will do so
// later by itself.
func (p *Portal) reloadAliases(r *http.Request) bool {
	err := p.acts.AliasReload(r.Context())
	if err != nil {
		p.Log.Warn("router not told of a changed alias", "user", owner(r).String(), "error", err)
	}
	return err == nil
}

// audit writes down a change of the user's account that the user made. That it
// cannot be written undoes nothing.
func (p *Portal) audit(r *http.Request, action, before, after string) {
	err := p.DB.Audit.Append(r.Context(), store.Record{
		Actor: owner(r).String(), Source: session.Of(r).Client.Addr.String(), Action: action, Object: owner(r).String(),
		Before: before, After: after,
	})
	if err != nil {
		p.Log.Error("change not written into the audit", "user", owner(r).String(), "action", action, "error", err)
	}
}
