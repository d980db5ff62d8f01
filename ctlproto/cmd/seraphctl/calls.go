package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) callsCommand() *cobra.Command {
	return a.historyCommand("calls", "List the calls that a user made or got, or all, the newest first", a.calls)
}

// historyCommand lists calls of one user, or, with the zero address, of all.
func (a *app) historyCommand(name, short string, list func(ctx context.Context, db *store.DB, who aor.AOR, q store.CallQuery) error) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   name + " [USER[@DOMAIN]]",
		Short: short,
		Args:  upToOne(name, "USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > store.MaxPage {
				return usagef("--limit: want 1 to %d", store.MaxPage)
			}
			q := store.CallQuery{Limit: limit}
			if len(args) == 0 {
				return a.withDB(cmd.Context(), func(ctx context.Context, db *store.DB) error { return list(ctx, db, aor.AOR{}, q) })
			}
			return a.withUser(cmd.Context(), args[0], func(ctx context.Context, db *store.DB, user aor.AOR) error {
				if err := isUser(ctx, db, user); err != nil {
					return err
				}
				return list(ctx, db, user, q)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", store.DefaultPage, "`NUMBER` of calls to show at most")
	return cmd
}

// writeHistory prints a table of calls and says how many more there are.
func (a *app) writeHistory(heading []string, rows [][]string, total int) error {
	shown := len(rows)
	if err := a.writeTable(heading, rows); err != nil {
		return err
	}
	if rest := total - shown; rest > 0 && !a.quiet {
		a.warn("%d older ones are not shown; --limit shows more", rest)
	}
	return nil
}

// callLine is a call in JSON. Answered and Ended are null where it was not, or is
// not known to be.
type callLine struct {
	Caller   string     `json:"caller"` // URI, "" if it is not known
	Name     string     `json:"name"`   // the caller's display name
	Callee   string     `json:"callee"`
	Started  time.Time  `json:"started"`
	Answered *time.Time `json:"answered"`
	Ended    *time.Time `json:"ended"`
	Code     int        `json:"code"` // the final status that the caller got
	Reason   string     `json:"reason"`
	HungUpBy string     `json:"hung_up_by"`
	CallID   string     `json:"call_id"`
}

func (a *app) calls(ctx context.Context, db *store.DB, who aor.AOR, q store.CallQuery) error {
	list, total, err := db.Calls.History(ctx, who, q)
	if err != nil {
		return databaseError(err)
	}
	lines := []callLine{}
	rows := make([][]string, len(list))
	for i, c := range list {
		lines = append(lines, callLine{
			Caller: c.CallerURI, Name: c.CallerName, Callee: c.Callee.String(), Started: c.Started.UTC(), Answered: when(c.Answered), Ended: when(c.Ended),
			Code: c.Code, Reason: c.Reason, HungUpBy: c.HungUpBy, CallID: c.CallID,
		})
		rows[i] = []string{c.Started.UTC().Format(time.DateTime), callerOf(c), c.Callee.String(), talked(c), fmt.Sprintf("%d %s", c.Code, c.Reason)}
	}
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	return a.writeHistory([]string{"WHEN (UTC)", "CALLER", "CALLED", "TALKED", "STATUS"}, rows, total)
}

// when is a time for JSON, nil if there is none.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// talked is how long a call was up, as far as that is known.
func talked(c store.Call) string {
	switch {
	case c.Answered.IsZero():
		return "-"
	case c.Ended.IsZero():
		return "?"
	}
	return max(0, c.Ended.Sub(c.Answered).Round(time.Second)).String()
}
