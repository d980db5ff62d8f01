package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) missedCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "missed [USER[@DOMAIN]]",
		Short: "List the calls that a user missed, or that anybody did, the newest first",
		Args:  upToOne("missed", "USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > store.MaxPage {
				return usagef("--limit: want 1 to %d", store.MaxPage)
			}
			q := store.CallQuery{Limit: limit}
			if len(args) == 0 {
				return a.withDB(cmd.Context(), func(ctx context.Context, db *store.DB) error {
					list, total, err := db.Calls.ListAllMissed(ctx, q)
					return a.writeMissed(list, total, err)
				})
			}
			return a.withUser(cmd.Context(), args[0], func(ctx context.Context, db *store.DB, user aor.AOR) error {
				if _, err := db.Subscribers.Find(ctx, user); err != nil {
					return notThere(err, user)
				}
				list, total, err := db.Calls.ListMissed(ctx, user, q)
				return a.writeMissed(list, total, err)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", store.DefaultPage, "`NUMBER` of calls to show at most")
	return cmd
}

// missedLine is a missed call in JSON.
type missedLine struct {
	Callee string    `json:"callee"`
	Caller string    `json:"caller"` // URI, "" if it is not known
	Name   string    `json:"name"`   // the caller's display name
	At     time.Time `json:"at"`
	Code   int       `json:"code"` // the final status that the caller got
	Reason string    `json:"reason"`
	CallID string    `json:"call_id"`
}

// writeMissed shows what a list gave.
func (a *app) writeMissed(list []store.Call, total int, err error) error {
	if err != nil {
		return databaseError(err)
	}
	lines := []missedLine{}
	rows := make([][]string, len(list))
	for i, c := range list {
		lines = append(lines, missedLine{
			Callee: c.Callee.String(), Caller: c.CallerURI, Name: c.CallerName, At: c.Started.UTC(), Code: c.Code, Reason: c.Reason, CallID: c.CallID,
		})
		rows[i] = []string{c.Started.UTC().Format(time.DateTime), c.Callee.String(), callerOf(c), fmt.Sprintf("%d %s", c.Code, c.Reason)}
	}
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	if err := a.writeTable([]string{"WHEN (UTC)", "MISSED BY", "CALLER", "STATUS"}, rows); err != nil {
		return err
	}
	if rest := total - len(list); rest > 0 && !a.quiet {
		a.warn("%d older ones are not shown; --limit shows more", rest)
	}
	return nil
}

// callerOf is who called, as far as that is known.
func callerOf(c store.Call) string {
	switch {
	case c.CallerURI == "":
		return orText(c.CallerName, "unknown")
	case c.CallerName == "":
		return c.CallerURI
	}
	return c.CallerName + " <" + c.CallerURI + ">"
}
