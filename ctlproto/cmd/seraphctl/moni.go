package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"seraph/ctlproto"
)

func (a *app) moniCommand() *cobra.Command {
	var every time.Duration
	var count int
	cmd := &cobra.Command{
		Use:   "moni",
		Short: "Show a screen of what the router does now, again and again",
		Args:  arguments("moni"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case every < 100*time.Millisecond || every > time.Hour:
				return usagef("--every: want 100ms to 1h")
			case count < 0:
				return usagef("--count: want 0 (until Ctrl-C) or more")
			}
			return a.moni(cmd.Context(), every, count)
		},
	}
	cmd.Flags().DurationVar(&every, "every", 2*time.Second, "`TIME` between two looks")
	cmd.Flags().IntVar(&count, "count", 0, "`NUMBER` of looks, 0 for no end")
	return cmd
}

// look is the state of the router at one time.
type look struct {
	Uptime     int64            `json:"uptime"` // seconds
	Calls      *int             `json:"calls"`  // null without module dialog
	Statistics map[string]int64 `json:"statistics"`

	at time.Time
}

// moni shows looks until ctx ends, which is no failure: that is how one leaves.
func (a *app) moni(ctx context.Context, every time.Duration, count int) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var before *look
	for n := 1; ; n++ {
		now, err := takeLook(ctx, c)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if err := a.showLook(now, before); err != nil || n == count {
			return err
		}
		before = now
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func takeLook(ctx context.Context, c *ctlproto.Client) (*look, error) {
	up, err := c.CoreUptime(ctx)
	if err != nil {
		return nil, err
	}
	list, err := c.Statistics(ctx)
	if err != nil {
		return nil, err
	}
	l := &look{Uptime: up.Uptime, Statistics: statisticsMap(list), at: time.Now()}
	active, err := c.DlgStatsActive(ctx)
	if err == nil {
		l.Calls = &active.All
	}
	return l, notLoaded(err)
}

// clearScreen is what makes a terminal begin anew at its top; what is no terminal gets
// looks one below the other.
const clearScreen = "\x1b[H\x1b[2J"

// shownStatistics are those of the screen, in its order, with their words.
var shownStatistics = [][2]string{
	{"users on line", "usrloc:registered_users"}, {"contacts", "usrloc:location-contacts"}, {"transactions", "tm:current"},
	{"of these waiting", "tm:waiting"}, {"requests in all", "tm:total"}, {"answered 2xx", "tm:2xx"}, {"3xx", "tm:3xx"}, {"4xx", "tm:4xx"}, {"5xx", "tm:5xx"}, {"6xx", "tm:6xx"},
	{"replies received", "tm:rpl_received"}, {"click-to-dial now", "ctd:active"}, {"connections", "core:connections"},
	{"messages stored", "msilo:stored_messages"}, {"registrations accepted", "registrar:accepted_regs"}, {"refused", "registrar:rejected_regs"},
}

// showLook prints a look, with what it has more than the one before, a second.
func (a *app) showLook(now, before *look) error {
	if a.asJSON() {
		return a.writeJSONLine(now)
	}
	pairs := [][2]string{{"up", span(now.Uptime)}}
	if now.Calls != nil {
		pairs = append(pairs, [2]string{"calls", fmt.Sprint(*now.Calls)})
	}
	for _, s := range shownStatistics {
		value, ok := now.Statistics[s[1]]
		if !ok {
			continue
		}
		text := fmt.Sprint(value)
		if before != nil {
			if rate := float64(value-before.Statistics[s[1]]) / now.at.Sub(before.at).Seconds(); rate != 0 {
				text = fmt.Sprintf("%-10s %+.1f/s", text, rate)
			}
		}
		pairs = append(pairs, [2]string{s[0], text})
	}
	if a.onScreen() {
		if _, err := fmt.Fprint(a.out, clearScreen); err != nil {
			return err
		}
	} else if before != nil {
		if _, err := fmt.Fprintln(a.out, strings.Repeat("-", 20)); err != nil {
			return err
		}
	}
	return a.writePairs(pairs)
}

// onScreen says whether the results go to a terminal.
func (a *app) onScreen() bool {
	f, ok := a.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
