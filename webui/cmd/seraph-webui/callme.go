package main

import (
	"fmt"
	"regexp"
	"time"

	"seraph/sql/store"
	"seraph/webui/internal/public"
)

// CallMe are the rules for visitors who want to be called; see
// public.CallMeRules.
type CallMe struct {
	PerOwner  int      `toml:"per_owner"`
	PerSource int      `toml:"per_source"`
	Window    duration `toml:"window"`
	Numbers   string   `toml:"numbers"`
}

// maxCallMeWindow is the longest window.
const maxCallMeWindow = 7 * 24 * time.Hour

// defaultCallMe are the rules of a program that is told nothing.
func defaultCallMe() CallMe {
	return CallMe{PerOwner: 10, PerSource: 3, Window: duration(time.Hour)}
}

// rules are the rules as the pages take them: the pattern for a whole number.
func (c CallMe) rules() (rules public.CallMeRules, err error) {
	for key, n := range map[string]int{"per_owner": c.PerOwner, "per_source": c.PerSource} {
		if n < 0 || n > store.MaxCallMe {
			return rules, fmt.Errorf("call_me.%s: %d is not between 0 and %d", key, n, store.MaxCallMe)
		}
	}
	rules = public.CallMeRules{PerOwner: c.PerOwner, PerSource: c.PerSource, Window: time.Duration(c.Window)}
	if rules.Window > maxCallMeWindow {
		return rules, fmt.Errorf("call_me.window: %s is longer than %s", rules.Window, maxCallMeWindow)
	}
	if c.Numbers != "" {
		if rules.Numbers, err = regexp.Compile(`\A(?:` + c.Numbers + `)\z`); err != nil {
			return rules, fmt.Errorf("call_me.numbers: %w", err)
		}
	}
	return rules, nil
}
