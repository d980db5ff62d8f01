package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/store"
)

func (a *app) dlgCommand() *cobra.Command {
	return group("dlg", "The calls that are up or being set up",
		&cobra.Command{
			Use: "list", Short: "List the calls", Args: arguments("dlg list"),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.dlgList(cmd.Context()) },
		},
		&cobra.Command{
			Use: "stats", Short: "Count the calls by state", Args: arguments("dlg stats"),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.dlgStats(cmd.Context()) },
		},
		a.dlgEndCommand())
}

func (a *app) dlgEndCommand() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use: "end CALL-ID | ENTRY:ID", Short: "Hang up a call on both sides",
		Long: `Hang up a call on both sides. It is named by its Call-ID, or by the numbers in
the column ID of "seraphctl dlg list". A call that nobody has answered yet is
cancelled.`,
		Args: arguments("dlg end", "CALL-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := dialogNamed(args[0])
			if err != nil {
				return err
			}
			if p.CallID == "" && from+to != "" {
				return usagef("dlg end: a tag goes with a Call-ID, not with %s", args[0])
			}
			p.FromTag, p.ToTag = from, to
			return a.dlgEnd(cmd.Context(), p)
		},
	}
	cmd.Flags().StringVar(&from, "from-tag", "", "only the call with this `TAG` of the caller")
	cmd.Flags().StringVar(&to, "to-tag", "", "only the call with this `TAG` of the callee")
	return cmd
}

// dialogNamed reads ENTRY:ID, two numbers; anything else is a Call-ID.
func dialogNamed(text string) (p ctlproto.DlgEndParams, err error) {
	if strings.TrimSpace(text) == "" {
		return p, usagef("dlg end: the CALL-ID is empty")
	}
	entry, id, numbers := strings.Cut(text, ":")
	e, errEntry := strconv.ParseUint(entry, 10, 32)
	i, errID := strconv.ParseUint(id, 10, 32)
	if numbers && errors.Join(errEntry, errID) == nil {
		if i == 0 {
			return p, usagef("dlg end: no call has the number 0")
		}
		return ctlproto.DlgEndParams{HEntry: uint32(e), HID: uint32(i)}, nil
	}
	return ctlproto.DlgEndParams{CallID: text}, nil
}

func (a *app) dlgList(ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.DlgList(ctx)
	if err != nil {
		return err
	}
	if a.asJSON() {
		return a.writeJSON(append([]ctlproto.Dialog{}, list...))
	}
	rows := make([][]string, len(list))
	for i, d := range list {
		rows[i] = []string{
			fmt.Sprintf("%d:%d", d.HEntry, d.HID), d.FromURI, d.ToURI, dialogState(d.State), a.since(d), d.Caller.Remote, d.Callee.Remote, d.CallID,
		}
		for j := range rows[i] {
			rows[i][j] = orDash(rows[i][j])
		}
	}
	return a.writeTable([]string{"ID", "FROM", "TO", "STATE", "SINCE", "CALLER AT", "CALLEE AT", "CALL-ID"}, rows)
}

// dialogState names a state for people.
func dialogState(n int) string {
	switch n {
	case ctlproto.DlgUnconfirmed:
		return "calling"
	case ctlproto.DlgEarly:
		return "ringing"
	case ctlproto.DlgUnacked:
		return "answering"
	case ctlproto.DlgConfirmed:
		return "talking"
	}
	return strconv.Itoa(n) // of a newer router
}

// since is how long a call is up, or else being set up.
func (a *app) since(d ctlproto.Dialog) string {
	begun := d.StartTS
	if begun == 0 {
		begun = d.InitTS
	}
	now := time.Now
	if a.now != nil {
		now = a.now
	}
	return max(0, now().Truncate(time.Second).Sub(time.Unix(begun, 0))).String()
}

func (a *app) dlgStats(ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	n, err := c.DlgStatsActive(ctx)
	if err != nil {
		return err
	}
	if a.asJSON() {
		return a.writeJSON(n)
	}
	return a.writePairs([][2]string{
		{"calling", strconv.Itoa(n.Starting)}, {"ringing", strconv.Itoa(n.Connecting)},
		{"answering", strconv.Itoa(n.Answering)}, {"talking", strconv.Itoa(n.Ongoing)}, {"all", strconv.Itoa(n.All)},
	})
}

func (a *app) dlgEnd(ctx context.Context, p ctlproto.DlgEndParams) (err error) {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	db, err := a.openAudit(ctx)
	if err != nil {
		return err
	}
	if db != nil {
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	p.Actor = a.actor + " by " + auditSource
	result, err := c.DlgEnd(ctx, p)
	if ctlproto.CodeOf(err) == ctlproto.CodeNotFound {
		return errors.New("there is no such call (any more)")
	}
	if err != nil {
		return err
	}
	refused := refusedEnds(result)
	if err := a.showEnded(result); err != nil || db == nil {
		return cmp.Or(err, refused)
	}
	object := p.CallID
	if object == "" {
		object = fmt.Sprintf("%d:%d", p.HEntry, p.HID)
	}
	after := fmt.Sprintf("%d ended, %d cancelled", len(result.Ended), result.Cancelled)
	if refused != nil {
		after += ", not all"
	}
	if err := a.audit(ctx, db, store.Record{Action: "dlg.end", Object: object, After: after}); err != nil {
		return err
	}
	return refused
}

// refusedEnds is the error of a call that a side does not leave.
func refusedEnds(r ctlproto.DlgEndResult) error {
	for _, e := range r.Ended {
		if !e.Gone() {
			return errors.New("a side has refused to end the call, which may go on; the router tries again every minute, five times in all")
		}
	}
	return nil
}

// showEnded says how each side took it.
func (a *app) showEnded(r ctlproto.DlgEndResult) error {
	if a.asJSON() {
		return a.writeJSON(r)
	}
	if a.quiet {
		return nil
	}
	for _, e := range r.Ended {
		what := "is hung up"
		if !e.Gone() {
			what = "is NOT hung up"
		}
		if _, err := fmt.Fprintf(a.out, "the call %s %s: caller %s, callee %s\n", safe(e.CallID), what, safe(sipAnswer(e.Caller)), safe(sipAnswer(e.Callee))); err != nil {
			return err
		}
	}
	if r.Cancelled > 0 {
		_, err := fmt.Fprintln(a.out, "the call was not answered yet and is cancelled")
		return err
	}
	return nil
}

func sipAnswer(x ctlproto.DlgAnswer) string {
	if x.Code == 0 {
		return "could not be reached"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", x.Code, x.Text))
}
