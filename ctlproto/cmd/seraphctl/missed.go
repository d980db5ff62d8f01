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
	return a.historyCommand("missed", "List the calls that a user or anybody missed, the newest first", a.missed)
}

func (a *app) missed(ctx context.Context, db *store.DB, who aor.AOR, q store.CallQuery) error {
	if who == (aor.AOR{}) {
		list, total, err := db.Calls.ListAllMissed(ctx, q)
		return a.writeMissed(list, total, err)
	}
	list, total, err := db.Calls.ListMissed(ctx, who, q)
	return a.writeMissed(list, total, err)
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
	return a.writeHistory([]string{"WHEN (UTC)", "MISSED BY", "CALLER", "STATUS"}, rows, total)
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
