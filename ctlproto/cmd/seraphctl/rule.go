package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) ruleCommand() *cobra.Command {
	var seconds int
	var off bool
	add := &cobra.Command{
		Use:   "add USER[@DOMAIN] KIND [TARGET|PATTERN]",
		Short: "Set what becomes of a user's calls",
		Long: `Set what becomes of a user's calls: forward them to TARGET (KIND always, busy,
noanswer or offline), put none through (dnd), or block callers by PATTERN.`,
		Args: oneMore("rule add", "USER", "KIND"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRule(cmd.Context(), args, func(ctx context.Context, db *store.DB, r store.CallRule) error {
				r.Seconds, r.Enabled = seconds, !off
				return a.ruleAdd(ctx, db, r)
			})
		},
	}
	add.Flags().IntVar(&seconds, "seconds", 0, "`NUMBER` of seconds that a call rings before noanswer forwards it, 5 to 180; 20 if not given")
	add.Flags().BoolVar(&off, "off", false, "keep the rule, not in force")
	return group("rule", "What becomes of the calls to users: forwarded, refused, blocked", add,
		&cobra.Command{
			Use: "rm USER[@DOMAIN] KIND [PATTERN]", Short: "Remove a rule", Args: oneMore("rule rm", "USER", "KIND"),
			RunE: func(cmd *cobra.Command, args []string) error { return a.withRule(cmd.Context(), args, a.ruleRm) },
		},
		&cobra.Command{
			Use: "show USER[@DOMAIN]", Short: "List the rules of a user", Args: arguments("rule show", "USER"),
			RunE: func(cmd *cobra.Command, args []string) error { return a.withUser(cmd.Context(), args[0], a.ruleShow) },
		})
}

// oneMore is arguments with one that may be left out.
func oneMore(command string, wanted ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(wanted)+1 {
			return nil
		}
		return arguments(command, wanted...)(cmd, args)
	}
}

// withRule reads USER, KIND and what belongs to the kind, and opens the database.
func (a *app) withRule(ctx context.Context, args []string, do func(ctx context.Context, db *store.DB, r store.CallRule) error) error {
	kind := strings.ToLower(args[1])
	if !slices.Contains(store.RuleKinds, kind) {
		return usagef("KIND is one of %s, not %q", strings.Join(store.RuleKinds, ", "), args[1])
	}
	return a.withUser(ctx, args[0], func(ctx context.Context, db *store.DB, user aor.AOR) error {
		r := store.CallRule{Owner: user, Kind: kind}
		switch {
		case len(args) < 3:
		case kind == store.RuleBlock:
			r.Pattern = args[2]
		default:
			r.Target = args[2]
		}
		return do(ctx, db, r)
	})
}

// wrongField words what the store says of an argument.
func wrongField(err error, words map[string]string) error {
	var wrong *store.FieldError
	if errors.As(err, &wrong) && words[wrong.Field] != "" {
		return usagef("%s %s", words[wrong.Field], wrong.Msg)
	}
	return databaseError(err)
}

var ruleWords = map[string]string{"pattern": "PATTERN", "target": "TARGET", "seconds": "--seconds", "kind": "KIND"}

func (a *app) ruleAdd(ctx context.Context, db *store.DB, r store.CallRule) error {
	switch {
	case r.Forwards() && r.Target == "":
		return usagef("rule add: TARGET is missing")
	case r.Kind == store.RuleBlock && r.Pattern == "":
		return usagef("rule add: PATTERN is missing")
	}
	r, err := r.Canonical()
	if err != nil {
		return wrongField(err, ruleWords)
	}
	if to, err := aor.Parse(r.Target, ""); err == nil { // no telephone number
		if err := checkTarget(ctx, db, r, to); err != nil {
			return err
		}
	}
	switch err := db.CallRules.Set(ctx, r); {
	case errors.Is(err, store.ErrFull):
		return fmt.Errorf("%s has %d rules, more are not possible", r.Owner, store.MaxCallRules)
	case err != nil:
		return notThere(err, r.Owner)
	}
	if err := a.audit(ctx, db, store.Record{Action: "rule.set", Object: r.Owner.String(), After: ruleText(r)}); err != nil {
		return err
	}
	a.tell(ctx, false, "it knows the rule after its next look at the database", reloadRules)
	return a.done(ruleLineOf(r), "%s has the rule: %s", r.Owner, ruleText(r))
}

// checkTarget refuses targets to which the router forwards nothing: an alias of the owner's, and
// a port or another host in one of our domains.
func checkTarget(ctx context.Context, db *store.DB, r store.CallRule, to aor.AOR) error {
	switch owner, err := db.Aliases.Resolve(ctx, to); {
	case err == nil && owner == r.Owner:
		return usagef("TARGET is an alias of the owner's: the call would come back to %s", r.Owner)
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return databaseError(err)
	}
	domains, err := db.Domains.List(ctx)
	if err != nil {
		return databaseError(err)
	}
	ours := func(name string) bool {
		return slices.ContainsFunc(domains, func(d store.Domain) bool { return d.Name == name })
	}
	if aor.Beside(r.Target, ours) {
		return usagef("TARGET is in a domain of ours, where no call is forwarded to a port or a host beside it: use %s", to.URI())
	}
	return nil
}

func (a *app) ruleRm(ctx context.Context, db *store.DB, r store.CallRule) error {
	if r.Target != "" {
		return usagef("%s has one rule %s at most: leave %q out", r.Owner, r.Kind, r.Target)
	}
	if r.Kind == store.RuleBlock {
		pattern, err := store.CheckPattern(r.Pattern)
		if err != nil {
			return wrongField(err, ruleWords)
		}
		r.Pattern = pattern
	}
	if err := db.CallRules.Remove(ctx, r.Owner, r.Kind, r.Pattern); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%s has no such rule", r.Owner)
		}
		return databaseError(err)
	}
	text := strings.TrimSpace(r.Kind + " " + r.Pattern)
	if err := a.audit(ctx, db, store.Record{Action: "rule.remove", Object: r.Owner.String(), Before: text}); err != nil {
		return err
	}
	a.tell(ctx, true, "it follows the rule until its next look at the database", reloadRules)
	return a.done(ruleLineOf(r), "%s has the rule no more: %s", r.Owner, text)
}

func reloadRules(ctx context.Context, c *ctlproto.Client) error {
	return notLoaded(c.UserblockReload(ctx))
}

// ruleText is a rule in a few words.
func ruleText(r store.CallRule) string {
	text := strings.TrimSpace(r.Kind + " " + r.Pattern + r.Target)
	if r.Kind == store.RuleNoAnswer {
		text += " after " + strconv.Itoa(r.Seconds) + " s"
	}
	if !r.Enabled {
		text += " (off)"
	}
	return text
}

// ruleLine is a rule in JSON.
type ruleLine struct {
	Address string `json:"address"`
	Kind    string `json:"kind"`
	Pattern string `json:"pattern"`
	Target  string `json:"target"`
	Seconds int    `json:"seconds"`
	Enabled bool   `json:"enabled"`
}

func ruleLineOf(r store.CallRule) ruleLine {
	return ruleLine{r.Owner.String(), r.Kind, r.Pattern, r.Target, r.Seconds, r.Enabled}
}

func (a *app) ruleShow(ctx context.Context, db *store.DB, user aor.AOR) error {
	if _, err := db.Subscribers.Belongings(ctx, user); err != nil {
		return notThere(err, user)
	}
	list, err := db.CallRules.List(ctx, user)
	if err != nil {
		return databaseError(err)
	}
	lines := []ruleLine{}
	var rows [][]string
	for _, r := range list {
		lines = append(lines, ruleLineOf(r))
		after, force := "-", "yes"
		if r.Seconds > 0 {
			after = strconv.Itoa(r.Seconds)
		}
		if !r.Enabled {
			force = "no"
		}
		rows = append(rows, []string{r.Kind, orDash(r.Pattern + r.Target), after, force})
	}
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	return a.writeTable([]string{"KIND", "TARGET OR PATTERN", "SECONDS", "IN FORCE"}, rows)
}
