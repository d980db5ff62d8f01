package user

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// RulesSave changes where calls are forwarded to, and whether they ring at all (POST
// /user/account/rules): all of it or, if something is wrong, nothing.
func (p *Portal) RulesSave(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	before, err := p.DB.CallRules.List(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	rules, err := p.readForwards(r, f)
	if err == nil && f.OK() {
		err = p.DB.CallRules.SetForwards(r.Context(), owner(r), rules, p.RuleLimits.most())
		if errors.Is(err, store.ErrFull) {
			f.Fail("", "rules.full", strconv.Itoa(p.RuleLimits.most()))
			err = nil
		}
	}
	switch {
	case err != nil:
		p.fail(w, r, err)
	case !f.OK():
		p.showRules(w, r, http.StatusUnprocessableEntity, before, rulesPage{Form: f})
	default:
		p.audit(r, "rule.set", forwardsText(before), forwardsText(rules))
		text := view.M("rules.saved")
		switch p.rulesChanged(r) {
		case toldLater:
			text = view.M("rules.saved_later")
		case toldNever:
			text = view.M("rules.saved_never")
		}
		p.done(w, r, pathRules, text)
	}
}

// readForwards reads the rules of the form. What is switched off and has a target is
// kept, not in force.
func (p *Portal) readForwards(r *http.Request, f *form.Form) (rules []store.CallRule, err error) {
	if f.Checked(fieldDND) {
		rules = append(rules, store.CallRule{Owner: owner(r), Kind: store.RuleDND, Enabled: true})
	}
	for _, kind := range forwardKinds {
		rule := store.CallRule{Owner: owner(r), Kind: kind, Enabled: f.Checked(fieldOn(kind))}
		if !rule.Enabled && strings.TrimSpace(f.Value(fieldTarget(kind))) == "" {
			continue
		}
		if rule.Target, err = p.readTarget(r, f, fieldTarget(kind)); err != nil {
			return nil, err
		}
		if kind == store.RuleNoAnswer {
			rule.Seconds = readSeconds(f)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// readSeconds reads how long calls ring.
func readSeconds(f *form.Form) int {
	n, err := strconv.Atoi(strings.TrimSpace(f.Value(fieldSeconds)))
	if err != nil || n < store.MinRing || n > store.MaxRing {
		f.Fail(fieldSeconds, "rules.bad_seconds", strconv.Itoa(store.MinRing), strconv.Itoa(store.MaxRing))
	}
	return n
}

// readTarget reads where calls are forwarded to: not to the owner, not to what the
// operator denies, and to telephone numbers or out of our domains only for those who may
// call there.
func (p *Portal) readTarget(r *http.Request, f *form.Form, name string) (string, error) {
	uri := readAddress(f, name, owner(r).Domain)
	if uri == "" {
		return "", nil
	}
	own, err := p.isOwn(r, uri)
	if err != nil {
		return "", err
	}
	if own {
		f.Fail(name, "rules.own")
	}
	if p.ContactRules.Denies(uri) || (ContactRules{Deny: p.RuleLimits.Deny}).Denies(uri) {
		f.Fail(name, "rules.denied")
	}
	plain, inside, err := p.inside(r.Context(), uri)
	if err != nil || inside {
		return plain, err
	}
	may, err := p.mayForeign(r.Context(), owner(r))
	if err != nil {
		return "", err
	}
	if !may {
		f.Fail(name, "rules.foreign")
	}
	return uri, nil
}

// forwardsText is the rules without the patterns, in a few words for the audit.
func forwardsText(rules []store.CallRule) string {
	var words []string
	for _, rule := range rules {
		if rule.Kind == store.RuleBlock {
			continue
		}
		text := rule.Kind
		if rule.Target != "" {
			text += " " + rule.Target
		}
		if rule.Kind == store.RuleNoAnswer {
			text += " after " + strconv.Itoa(rule.Seconds) + " s"
		}
		if !rule.Enabled {
			text += " (off)"
		}
		words = append(words, text)
	}
	return strings.Join(words, ", ")
}
