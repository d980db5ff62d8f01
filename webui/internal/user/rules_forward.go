package user

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// RulesSave changes where calls are forwarded to, and whether they ring at all (POST
// /user/account/rules): all of it or, if something is wrong, nothing.
func (p *Portal) RulesSave(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil || !hasForwards(r) {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	before, err := p.DB.CallRules.List(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if outOfDate(r, ownForwards(before)) {
		f.Fail("", "rules.overtaken") // what is there now stands above the form
		p.showRules(w, r, http.StatusConflict, before, rulesPage{Form: f})
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

// hasForwards reports whether a form is that of the rules: a page sends what is no checkbox
// in any case.
func hasForwards(r *http.Request) bool {
	return r.PostForm.Has(fieldSeconds) || r.PostForm.Has(fieldDND) || slices.ContainsFunc(forwardKinds, func(kind string) bool { return r.PostForm.Has(fieldTarget(kind)) })
}

// ownForwards are the rules that the form is for: all but the patterns.
func ownForwards(rules []store.CallRule) []store.CallRule {
	return slices.DeleteFunc(slices.Clone(rules), func(rule store.CallRule) bool { return rule.Kind == store.RuleBlock })
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
// operator denies, not to where no phone can be or the router forwards nothing, and to telephone numbers or
// out of our domains only for those who may call there.
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
	if fault := portal.PlaceFault(uri, p.Machine); fault != "" {
		f.Fail(name, fault)
		return "", nil
	}
	may, err := p.mayForeign(r.Context(), owner(r))
	if err != nil {
		return "", err
	}
	if !may {
		f.Fail(name, "rules.foreign")
		return uri, nil
	}
	domains, err := p.domains(r.Context())
	if aor.Beside(uri, func(domain string) bool { return slices.Contains(domains, domain) }) {
		f.Fail(name, "rules.beside")
	}
	return uri, err
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
