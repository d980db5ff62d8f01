package user

import (
	"net/http"
	"strconv"
	"strings"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// pathRules is the page of what becomes of calls to the user.
const pathRules = pathAccount + "/rules"

// RuleLimits say which call rules people may give themselves. They do not bind
// "seraphctl rule".
type RuleLimits struct {
	// Deny are addresses that nobody may forward calls to, beside those that
	// ContactRules deny: these ring, too.
	Deny []ContactPattern
	// Most is how many rules one may have; 0 is store.MaxCallRules, the most there can be.
	Most int
	// ForeignGroup is the permission (table grp) that forwarding to a telephone number,
	// or out of our domains, takes; empty if everybody may. It is the parameter
	// foreign_group of the router's module userblock, which does not follow such rules
	// of others: here it makes that they learn so.
	ForeignGroup string
}

// most is how many rules one may have.
func (l RuleLimits) most() int {
	if l.Most <= 0 || l.Most > store.MaxCallRules {
		return store.MaxCallRules
	}
	return l.Most
}

// rulesPage is the data of rules.html.
type rulesPage struct {
	Form *form.Form
	// Now says in words what becomes of calls.
	Now []view.Msg
	// Forwards are the kinds of forwarding, in the order of the form.
	Forwards []forwardRow
	Domain   string
	People   []view.Option // of the phone book, to choose targets from
	Blocks   []blockRow
	// BlockForm is the form of a new pattern; Tried is what was tried on the patterns,
	// and TriedResult what came out; its key is "" if nothing was tried.
	BlockForm, TryForm *form.Form
	TriedResult        view.Msg
	Most               int
	// Shown marks the rules that the page was made of.
	Shown string
}

// forwardRow is one kind of forwarding.
type forwardRow struct {
	On, Target string // names of the fields
	Seconds    string // name of the field, "" if the kind has none
	Label      view.Msg
}

// blockRow is a pattern of callers who are refused.
type blockRow struct {
	Pattern string
	Off     bool // by the operator
}

// forwardKinds are the kinds that forward, in the order of the form.
var forwardKinds = []string{store.RuleAlways, store.RuleBusy, store.RuleNoAnswer, store.RuleOffline}

// Names of the fields of a kind.
func fieldOn(kind string) string     { return kind + "_on" }
func fieldTarget(kind string) string { return kind + "_target" }

// Others of the form's fields.
const (
	fieldSeconds = "seconds"
	fieldDND     = "dnd"
	fieldPattern = "pattern"
	fieldTry     = "try"
)

// Rules shows what becomes of calls to the user (GET /user/account/rules); try= is a
// caller who is tried on the patterns of those who are refused.
func (p *Portal) Rules(w http.ResponseWriter, r *http.Request) {
	rules, err := p.DB.CallRules.List(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.showRules(w, r, http.StatusOK, rules, rulesPage{Form: rulesForm(rules)})
}

// rulesForm is the form of rules as they are.
func rulesForm(rules []store.CallRule) *form.Form {
	f := form.New(fieldSeconds, strconv.Itoa(store.DefaultRing))
	for _, rule := range rules {
		switch {
		case rule.Kind == store.RuleDND:
			f.Set(fieldDND, form.Checked(rule.Enabled))
		case rule.Forwards():
			f.Set(fieldOn(rule.Kind), form.Checked(rule.Enabled))
			f.Set(fieldTarget(rule.Kind), plainAddress(rule.Target))
			if rule.Kind == store.RuleNoAnswer {
				f.Set(fieldSeconds, strconv.Itoa(rule.Seconds))
			}
		}
	}
	return f
}

// showRules shows the page; rules are those in force.
func (p *Portal) showRules(w http.ResponseWriter, r *http.Request, status int, rules []store.CallRule, page rulesPage) {
	page.Shown = shownOf(ownForwards(rules))
	page.Domain, page.Most = owner(r).Domain, p.RuleLimits.most()
	page.Now = ruleWords(rules, p.nameOfTarget(r))
	for _, kind := range forwardKinds {
		row := forwardRow{On: fieldOn(kind), Target: fieldTarget(kind), Label: view.M("rules.forward_" + kind)}
		if kind == store.RuleNoAnswer {
			row.Seconds = fieldSeconds
		}
		page.Forwards = append(page.Forwards, row)
	}
	for _, rule := range rules {
		if rule.Kind == store.RuleBlock {
			page.Blocks = append(page.Blocks, blockRow{rule.Pattern, !rule.Enabled})
		}
	}
	if page.BlockForm == nil {
		page.BlockForm = form.New()
	}
	page.TryForm = form.New(fieldTry, clip(r.URL.Query().Get(fieldTry), maxEntryAddress))
	if text := page.TryForm.Value(fieldTry); text != "" {
		page.TriedResult = tryCaller(page.TryForm, rules, owner(r))
	}
	page.People = p.choices(r)
	p.View.Page(w, r, status, "rules", view.Page{Title: view.M("rules.title"), Tab: tabAccount, Data: page})
}

// maxChoices is how many people of the phone book a field offers.
const maxChoices = 500

// choices are the people of the phone book, for fields that take an address. Without
// them the page only helps less.
func (p *Portal) choices(r *http.Request) []view.Option {
	entries, _, err := p.DB.Phonebook.List(r.Context(), owner(r), store.EntryQuery{Limit: maxChoices})
	if err != nil {
		p.Log.Warn("phone book not read", "user", owner(r).String(), "error", err)
	}
	var list []view.Option
	for _, e := range entries {
		list = append(list, view.Option{Value: plainAddress(e.Address), Label: e.Name()})
	}
	return list
}

// nameOfTarget gives the name of an address that calls are forwarded to, from the phone
// book, or the address.
func (p *Portal) nameOfTarget(r *http.Request) func(uri string) string {
	return func(uri string) string {
		if e, err := p.DB.Phonebook.FindAddress(r.Context(), owner(r), uri); err == nil {
			return e.Name()
		}
		return shortAddress(uri)
	}
}

// ruleWords says in words what becomes of calls.
func ruleWords(rules []store.CallRule, name func(uri string) string) (words []view.Msg) {
	to, seconds, dnd, blocks := map[string]string{}, 0, false, 0
	for _, rule := range rules {
		switch {
		case !rule.Enabled:
		case rule.Kind == store.RuleDND:
			dnd = true
		case rule.Kind == store.RuleBlock:
			blocks++
		default:
			to[rule.Kind] = name(rule.Target)
			seconds = max(seconds, rule.Seconds)
		}
	}
	always, busy, late, offline := to[store.RuleAlways], to[store.RuleBusy], to[store.RuleNoAnswer], to[store.RuleOffline]
	switch {
	case always != "":
		words = append(words, view.M("rules.now_always", always))
	case dnd && offline != "":
		words = append(words, view.M("rules.now_dnd_forward", offline))
	case dnd:
		words = append(words, view.M("rules.now_dnd"))
	default:
		words = append(words, ringWords(busy, late, offline, seconds)...)
	}
	if blocks > 0 {
		words = append(words, view.Msg{Key: countKey("rules.now_blocked", blocks), Args: []string{strconv.Itoa(blocks)}})
	}
	return words
}

// ringWords are those of phones that ring.
func ringWords(busy, late, offline string, seconds int) []view.Msg {
	words := []view.Msg{view.M("rules.now_ring")}
	if late != "" {
		words = []view.Msg{view.M("rules.now_ring_then", strconv.Itoa(seconds), late)}
	}
	if busy != "" {
		words = append(words, view.M("rules.now_busy", busy))
	}
	switch {
	case offline != "" && late == "":
		words = append(words, view.M("rules.now_offline_or_silent", offline))
	case offline != "":
		words = append(words, view.M("rules.now_offline", offline))
	default:
		words = append(words, view.M("rules.now_missed"))
	}
	return words
}

// countKey is the key of a text for n things.
func countKey(key string, n int) string {
	if n == 1 {
		return key + ".one"
	}
	return key
}

// tryCaller says whether a caller would be refused, and by which pattern.
func tryCaller(f *form.Form, rules []store.CallRule, me aor.AOR) view.Msg {
	typed := f.Text(fieldTry, maxEntryAddress)
	uri, ok := callerURI(typed, me.Domain)
	if !ok {
		f.Fail(fieldTry, "rules.bad_caller")
		return view.Msg{}
	}
	caller := aor.AppendCaller(nil, uri)
	for _, rule := range rules {
		if rule.Refuses(caller) {
			return view.M("rules.would_block", typed, rule.Pattern)
		}
	}
	return view.M("rules.would_not_block", typed)
}

// callerURI is the URI of a caller who was typed. Others call themselves what no address that
// can be called looks like, and are refused all the same.
func callerURI(typed, domain string) (uri string, ok bool) {
	if strings.EqualFold(typed, store.AnonymousPattern) {
		return "sip:" + typed + "@anonymous.invalid", true // RFC 3323 §4.1.1.3
	}
	if number := strings.ReplaceAll(typed, " ", ""); aor.IsNumber(number) {
		typed = number
	}
	if uri, err := aor.CanonicalURI(typed, domain); err == nil {
		return uri, true
	}
	sip := takesMessages(strings.ToLower(typed))
	if at := strings.Count(typed, "@"); strings.ContainsAny(typed, " \t<>\"") || at > 1 || at == 0 && !sip {
		return "", false
	}
	if !sip {
		typed = "sip:" + typed
	}
	return typed, true
}

// told is what becomes of a change of a table that the router keeps in memory.
type told int

const (
	toldNow   told = iota // it follows the change
	toldLater             // it cannot be reached, and will read it by itself
	toldNever             // it has not loaded the module
)

// toldOf is how the router took the news of a change.
func (p *Portal) toldOf(r *http.Request, err error) told {
	switch {
	case err == nil:
		return toldNow
	case ctlproto.CodeOf(err) == ctlproto.CodeMethodNotFound:
		return toldNever
	}
	p.Log.Warn("router not told of a change", "user", owner(r).String(), "error", err)
	return toldLater
}

// rulesChanged has the router read the rules.
func (p *Portal) rulesChanged(r *http.Request) told {
	return p.toldOf(r, p.acts.UserblockReload(r.Context()))
}
