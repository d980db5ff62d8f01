package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"seraph/sql/aor"
)

// CallRules is the table call_rule: what becomes of the calls to a subscriber.
type CallRules struct{ db *DB }

// Kinds of call rules.
const (
	RuleAlways   = "always"   // forward every call
	RuleBusy     = "busy"     // forward while busy
	RuleNoAnswer = "noanswer" // forward after some seconds of ringing
	RuleOffline  = "offline"  // forward while no phone is on line
	RuleDND      = "dnd"      // do not disturb
	RuleBlock    = "block"    // refuse callers
)

// RuleKinds are all of them, in the order in which they are listed.
var RuleKinds = []string{RuleAlways, RuleBusy, RuleNoAnswer, RuleOffline, RuleDND, RuleBlock}

// CallRule is one row.
type CallRule struct {
	Owner aor.AOR
	Kind  string
	// Pattern says whom a rule of kind block refuses: see CheckPattern. Empty for others.
	Pattern string
	// Target is where a call is forwarded to. Empty for the kinds dnd and block.
	Target string
	// Seconds is how long a call rings before a rule of kind noanswer forwards it, 5 to 180.
	Seconds int
	// Enabled says that the rule is in force.
	Enabled bool
}

// Limits of the rules.
const (
	MaxCallRules     = 100 // of an owner
	MaxPattern       = 128 // characters of a pattern
	MaxWildcards     = 8   // of a new pattern; older ones may have more
	MinRing          = 5   // seconds of noanswer
	MaxRing          = 180
	DefaultRing      = 20
	AnonymousPattern = "anonymous"
)

// Forwards reports whether the kind is one that has a target.
func (r CallRule) Forwards() bool { return r.Kind != RuleDND && r.Kind != RuleBlock }

// Canonical checks a rule and writes its target and pattern in the usual form.
func (r CallRule) Canonical() (CallRule, error) {
	if err := checkAOR("owner", r.Owner); err != nil {
		return r, err
	}
	if !slices.Contains(RuleKinds, r.Kind) {
		return r, &FieldError{"kind", "is none of " + strings.Join(RuleKinds, ", ")}
	}
	if r.Kind == RuleBlock {
		pattern, err := CheckPattern(r.Pattern)
		if err != nil {
			return r, err
		}
		r.Pattern = pattern
	} else if r.Pattern != "" {
		return r, &FieldError{"pattern", "is only for the kind block"}
	}
	if err := r.canonicalTarget(); err != nil {
		return r, err
	}
	if r.Kind != RuleNoAnswer {
		r.Seconds = 0
		return r, nil
	}
	if r.Seconds == 0 {
		r.Seconds = DefaultRing
	}
	if r.Seconds < MinRing || r.Seconds > MaxRing {
		return r, &FieldError{"seconds", "is not from 5 to 180"}
	}
	return r, nil
}

func (r *CallRule) canonicalTarget() error {
	if !r.Forwards() {
		if r.Target != "" {
			return &FieldError{"target", "is only for the kinds that forward"}
		}
		return nil
	}
	uri, err := aor.CanonicalURI(r.Target, r.Owner.Domain)
	if err != nil {
		return &FieldError{"target", "is not an address that can be called"}
	}
	if to, err := aor.Parse(uri, ""); err == nil && to == r.Owner {
		return &FieldError{"target", "is the owner's own address"}
	}
	r.Target = uri
	return nil
}

// CheckPattern reads whom a rule blocks and gives it in the usual form: an address
// with * for any characters ("spam*@example.org", "*@example.org", or "@example.org"
// for the same; %2a is the character *), the beginning of a telephone number ("+4930"), one
// number ("tel:+493012"), or "anonymous" for callers who do not say who they are.
func CheckPattern(text string) (string, error) {
	p := strings.TrimSpace(text)
	if err := checkText("pattern", p, MaxPattern); err != nil {
		return "", err
	}
	p, tel := withoutScheme(p)
	user, domain, address := strings.Cut(p, "@")
	switch {
	case tel:
		return numberPattern(p)
	case !address && strings.EqualFold(p, AnonymousPattern):
		return AnonymousPattern, nil
	case !address:
		return telPattern(p)
	}
	if user == "" {
		user = "*"
	}
	if strings.Trim(domain, ".") == "" || strings.ContainsAny(p, " \t<>\"") || strings.ContainsAny(domain, "?;,@") || domain[0] != '[' && strings.Contains(domain, ":") {
		return "", &FieldError{"pattern", "is not an address like *@example.org"}
	}
	p = aor.CallerPattern(user, domain)
	if strings.HasSuffix(p, "@anonymous.invalid") { // RFC 3323 §4.1.1.3
		return AnonymousPattern, nil
	}
	return p, checkText("pattern", p, MaxPattern)
}

// CheckNewPattern is CheckPattern of a pattern that is not there yet: it has no more wildcards than
// MaxWildcards.
func CheckNewPattern(text string) (string, error) {
	p, err := CheckPattern(text)
	if err == nil && !hasFewWildcards(p) {
		err = &FieldError{"pattern", fmt.Sprintf("has more than %d *", MaxWildcards)}
	}
	return p, err
}

func hasFewWildcards(pattern string) bool { return strings.Count(pattern, "*") <= MaxWildcards }

// withoutScheme takes the scheme off a pattern.
func withoutScheme(p string) (rest string, tel bool) {
	scheme, rest, _ := strings.Cut(p, ":")
	switch strings.ToLower(scheme) {
	case "sip", "sips":
		return rest, false
	case "tel":
		return rest, true
	}
	return p, false
}

// numberPattern is CheckPattern of one number, or, with a wildcard at the end, of its beginning.
func numberPattern(p string) (string, error) {
	number, err := telPattern(p)
	if err != nil || strings.HasSuffix(p, "*") {
		return number, err
	}
	return oneNumber + number, checkText("pattern", oneNumber+number, MaxPattern)
}

// telPattern is CheckPattern of the beginning of a number; separators go, and a wildcard at
// the end, which says what holds without it.
func telPattern(p string) (string, error) {
	p = strings.NewReplacer("-", "", ".", "", "(", "", ")", "", "/", "", " ", "").Replace(p)
	p = strings.ToLower(strings.TrimRight(p, "*"))
	digits := strings.NewReplacer("%2a", "", "%23", "").Replace(strings.TrimPrefix(p, "+")) // * and #
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", &FieldError{"pattern", "is neither an address like *@example.org, nor a number like tel:+493012, nor the beginning of one like +4930, nor anonymous"}
	}
	return p, nil
}

// All returns every rule, in force or not, of a kind that is known, with its owner
// canonical; rows that say nothing that can be done, and those of closed accounts, are left
// out.
func (t *CallRules) All(ctx context.Context) ([]CallRule, error) {
	closed, err := t.closed(ctx)
	if err != nil {
		return nil, wrap(err, "read all call rules")
	}
	rows, err := all(ctx, t.db.read, scanCallRule, callRuleColumns+" ORDER BY id")
	list := rows[:0]
	for _, r := range rows {
		var ok bool
		if r.Owner, ok = canonical(r.Owner); !ok || closed[r.Owner] {
			continue
		}
		if c, err := r.Canonical(); err == nil {
			list = append(list, c)
		}
	}
	return list, wrap(err, "read all call rules")
}

// closed are the accounts that are disabled.
func (t *CallRules) closed(ctx context.Context) (map[aor.AOR]bool, error) {
	rows, err := all(ctx, t.db.read, scanAOR, "SELECT username, domain FROM profile WHERE disabled <> 0")
	closed := make(map[aor.AOR]bool, len(rows))
	for _, a := range rows {
		if a, ok := canonical(a); ok {
			closed[a] = true
		}
	}
	return closed, err
}

// List returns the rules of an owner, by kind and pattern.
func (t *CallRules) List(ctx context.Context, owner aor.AOR) ([]CallRule, error) {
	list, err := all(ctx, t.db.read, scanCallRule, callRuleColumns+" WHERE username = ? AND domain = ?", owner.User, owner.Domain)
	slices.SortFunc(list, func(a, b CallRule) int {
		if a.Kind != b.Kind {
			return slices.Index(RuleKinds, a.Kind) - slices.Index(RuleKinds, b.Kind)
		}
		return strings.Compare(a.Pattern, b.Pattern)
	})
	return list, wrap(err, "call rules of "+owner.String())
}

const callRuleColumns = "SELECT username, domain, kind, pattern, target, seconds, enabled FROM call_rule"

func scanCallRule(s scanner) (r CallRule, err error) {
	return r, s.Scan(&r.Owner.User, &r.Owner.Domain, &r.Kind, &r.Pattern, &r.Target, &r.Seconds, &r.Enabled)
}

// Set puts a rule in the place of the owner's rule of that kind and pattern, or adds
// it. ErrNotFound if there is no such subscriber, ErrFull at MaxCallRules.
func (t *CallRules) Set(ctx context.Context, r CallRule) error {
	return t.SetWithin(ctx, r, MaxCallRules)
}

// SetWithin is Set for an owner who may have most rules, at most MaxCallRules.
func (t *CallRules) SetWithin(ctx context.Context, r CallRule, most int) error {
	r, err := r.Canonical()
	if err != nil {
		return err
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, r.Owner); err != nil {
			return err
		}
		removed, err := tx.ExecContext(ctx, "DELETE FROM call_rule WHERE username = ? AND domain = ? AND kind = ? AND pattern = ?",
			r.Owner.User, r.Owner.Domain, r.Kind, r.Pattern)
		if err != nil {
			return err
		}
		if err := fewWildcards(r, removed); err != nil {
			return err
		}
		return insertRule(ctx, tx, r, most)
	})
	return wrap(err, "call rule "+r.Kind+" of "+r.Owner.String())
}

// fewWildcards checks the pattern of a rule in whose place others were removed: one that was there may
// stay.
func fewWildcards(r CallRule, removed sql.Result) error {
	if hasFewWildcards(r.Pattern) {
		return nil
	}
	n, err := removed.RowsAffected()
	if err == nil && n == 0 {
		_, err = CheckNewPattern(r.Pattern)
	}
	return err
}

// SetForwards puts rules in the place of all of the owner's but those of kind block: all
// of them or, if one is wrong, none. A kind is given once. ErrNotFound if there is no such
// subscriber, ErrFull if there would be more than most rules, or than MaxCallRules.
func (t *CallRules) SetForwards(ctx context.Context, owner aor.AOR, rules []CallRule, most int) error {
	for i := range rules {
		r := rules[i]
		r.Owner = owner
		c, err := r.Canonical()
		if err == nil && c.Kind == RuleBlock {
			err = &FieldError{"kind", "is no kind of forwarding"}
		}
		if err != nil {
			return wrap(err, "call rules of "+owner.String())
		}
		rules[i] = c
	}
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, owner); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM call_rule WHERE username = ? AND domain = ? AND kind <> ?",
			owner.User, owner.Domain, RuleBlock); err != nil {
			return err
		}
		for _, r := range rules {
			if err := insertRule(ctx, tx, r, most); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "call rules of "+owner.String())
}

// insertRule adds a canonical rule within a transaction that has locked the subscriber.
func insertRule(ctx context.Context, tx *sql.Tx, r CallRule, most int) error {
	enabled := 0
	if r.Enabled {
		enabled = 1
	}
	return insertOwned(ctx, tx, "call_rule", r.Owner, min(most, MaxCallRules),
		"INSERT INTO call_rule (username, domain, kind, pattern, target, seconds, enabled) VALUES (?, ?, ?, ?, ?, ?, ?)",
		r.Owner.User, r.Owner.Domain, r.Kind, r.Pattern, r.Target, r.Seconds, enabled)
}

// Remove removes the owner's rule of a kind and pattern, ErrNotFound if there is none.
func (t *CallRules) Remove(ctx context.Context, owner aor.AOR, kind, pattern string) error {
	return wrap(must(t.db.exec(ctx, "DELETE FROM call_rule WHERE username = ? AND domain = ? AND kind = ? AND pattern = ?",
		owner.User, owner.Domain, kind, pattern)), "call rule "+kind+" of "+owner.String())
}

// addOwned inserts a row of a subscriber, who may have most rows of the table.
func (db *DB) addOwned(ctx context.Context, table string, owner aor.AOR, most int, insert string, args ...any) error {
	return db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := db.lockSubscriber(ctx, tx, owner); err != nil {
			return err
		}
		return insertOwned(ctx, tx, table, owner, most, insert, args...)
	})
}

// insertOwned is addOwned within a transaction that has locked the subscriber.
func insertOwned(ctx context.Context, tx *sql.Tx, table string, owner aor.AOR, most int, insert string, args ...any) error {
	n, err := one(ctx, tx, scanInt, "SELECT COUNT(*) FROM "+table+" WHERE username = ? AND domain = ?", owner.User, owner.Domain)
	if err != nil {
		return err
	}
	if n >= most {
		return ErrFull
	}
	_, err = tx.ExecContext(ctx, insert, args...)
	if duplicate(err) {
		return ErrExists
	}
	return err
}
