package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
)

func (a *app) tmCommand() *cobra.Command {
	return group("tm", "Transactions", a.tmListCommand(), &cobra.Command{
		Use: "stats", Short: "Show how many transactions there are and were, and their answers", Args: arguments("tm stats"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			s, err := c.TmStats(cmd.Context())
			if err != nil {
				return err
			}
			if a.asJSON() {
				return a.writeJSON(s)
			}
			return a.writePairs(tmPairs(s))
		},
	})
}

// tmPairs are the numbers with the names that they have in JSON.
func tmPairs(s ctlproto.TmStats) [][2]string {
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	return [][2]string{
		{"current", n(s.Current)}, {"waiting", n(s.Waiting)}, {"total", n(s.Total)}, {"total_local", n(s.TotalLocal)},
		{"rpl_received", n(s.RplReceived)}, {"rpl_generated", n(s.RplGenerated)}, {"rpl_sent", n(s.RplSent)},
		{"2xx", n(s.Class2xx)}, {"3xx", n(s.Class3xx)}, {"4xx", n(s.Class4xx)}, {"5xx", n(s.Class5xx)}, {"6xx", n(s.Class6xx)},
		{"created", n(s.Created)}, {"freed", n(s.Freed)}, {"delayed_free", n(s.DelayedFree)},
	}
}

func (a *app) tmListCommand() *cobra.Command {
	var p ctlproto.TmListParams
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the transactions that are in memory, the oldest first",
		Long: `List the transactions that are in memory, the oldest first, and the branches of
each: where the request was sent, and how far it is there. A transaction that is
over stays for half a minute, because it may have to repeat its answer; of an
INVITE that was answered with 2xx the router keeps no text meanwhile.`,
		Args: arguments("tm list"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.Limit < 1 || p.Limit > ctlproto.MaxTmList {
				return usagef("--limit: want 1 to %d", ctlproto.MaxTmList)
			}
			return a.tmList(cmd.Context(), p)
		},
	}
	cmd.Flags().StringVar(&p.CallID, "call-id", "", "only those of the call with this `CALL-ID`")
	cmd.Flags().IntVar(&p.Limit, "limit", 100, "`NUMBER` of transactions to show at most")
	return cmd
}

func (a *app) tmList(ctx context.Context, p ctlproto.TmListParams) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.TmList(ctx, p)
	if err != nil {
		return err
	}
	if a.asJSON() {
		return a.writeJSON(append([]ctlproto.TmTransaction{}, list...))
	}
	rows := make([][]string, len(list))
	for i, t := range list {
		state := t.State
		if t.Status != 0 {
			state += " " + strconv.Itoa(t.Status)
		}
		source := orText(t.Source, "this router")
		rows[i] = []string{
			t.Method, t.From, t.To, state, (time.Duration(t.Age) * time.Second).String(), source, branchesOf(t.Branches), t.CallID,
		}
		for j := range rows[i] {
			rows[i][j] = orDash(rows[i][j])
		}
	}
	if err := a.writeTable([]string{"METHOD", "FROM", "TO", "STATE", "AGE", "SOURCE", "BRANCHES", "CALL-ID"}, rows); err != nil {
		return err
	}
	if len(list) == p.Limit && !a.quiet {
		a.warn("there may be more; --limit shows up to %d", ctlproto.MaxTmList)
	}
	return nil
}

// branchesOf says where a request was sent and how far it is there.
func branchesOf(list []ctlproto.TmBranch) string {
	texts := make([]string, len(list))
	for i, b := range list {
		texts[i] = b.Remote + " " + b.State
	}
	return strings.Join(texts, ", ")
}
