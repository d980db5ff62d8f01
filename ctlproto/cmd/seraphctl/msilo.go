package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) msiloCommand() *cobra.Command {
	return group("msilo", "The message store: messages for users whose phones are off",
		&cobra.Command{
			Use: "show USER[@DOMAIN]", Short: "List the messages stored for a user, in the order of delivery", Args: arguments("msilo show", "USER"),
			RunE: func(cmd *cobra.Command, args []string) error { return a.msiloShow(cmd.Context(), args[0]) },
		},
		a.msiloRmCommand(),
		&cobra.Command{
			Use: "dump USER[@DOMAIN]", Short: "Deliver the stored messages of a user to the registered phone now", Args: arguments("msilo dump", "USER"),
			RunE: func(cmd *cobra.Command, args []string) error { return a.msiloDump(cmd.Context(), args[0]) },
		})
}

// dumpResult is the JSON of msilo dump.
type dumpResult struct {
	Address string `json:"address"`
	Pending int    `json:"pending"`
}

func (a *app) msiloDump(ctx context.Context, text string) error {
	var pending int
	change := liveChange{action: "msilo.dump", call: func(ctx context.Context, c *ctlproto.Client, user aor.AOR) (err error) {
		pending, err = c.MsiloDump(ctx, user.String())
		return err
	}}
	user, err := a.changeLive(ctx, text, &change)
	if err != nil {
		return err
	}
	return a.done(dumpResult{user.String(), pending}, "%s on the way to %s", messages(pending), user)
}

// messages counts messages.
func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

// siloPage reads a page of the message store from the router.
type siloPage func(ctx context.Context, offset int) (ctlproto.MsiloListResult, error)

// storedMessages reads all pages.
func storedMessages(ctx context.Context, page siloPage) ([]ctlproto.MsiloMessage, error) {
	list := []ctlproto.MsiloMessage{}
	for {
		r, err := page(ctx, len(list))
		if err != nil {
			return nil, err
		}
		list = append(list, r.Messages...)
		if len(r.Messages) == 0 || len(list) >= r.Total {
			return list, nil
		}
	}
}

// fromDatabase is a siloPage for when the router does not run.
func fromDatabase(db *store.DB, owner aor.AOR) siloPage {
	return func(ctx context.Context, offset int) (ctlproto.MsiloListResult, error) {
		rows, total, err := db.Silo.List(ctx, owner, store.SiloQuery{Limit: ctlproto.MaxMessages, Offset: offset})
		r := ctlproto.MsiloListResult{Total: total}
		for _, m := range rows {
			r.Messages = append(r.Messages, ctlproto.MsiloMessage{
				ID: m.ID, From: m.From, FromName: m.FromName, To: m.To, Received: m.Received, Expires: m.Expires,
				ContentType: m.ContentType, Body: m.Body, CallID: m.CallID, Read: m.Read,
				Attempts: m.Attempts, LastCode: m.LastCode, Refused: m.Refused,
			})
		}
		return r, err
	}
}

func (a *app) msiloShow(ctx context.Context, text string) error {
	user, err := a.liveAddress(ctx, text)
	if err != nil {
		return err
	}
	list, err := a.siloOf(ctx, user)
	if err == nil && len(list) == 0 {
		err = a.known(ctx, user)
	}
	if err != nil {
		return err
	}
	if a.asJSON() {
		return a.writeJSON(list)
	}
	rows := make([][]string, len(list))
	for i, m := range list {
		rows[i] = []string{strconv.FormatInt(m.ID, 10), m.Received.UTC().Format(time.DateTime), sender(m), deliveryState(m), bodyText(m)}
	}
	return a.writeTable([]string{"ID", "RECEIVED (UTC)", "FROM", "STATE", "TEXT"}, rows)
}

// known refuses somebody who is no user of ours: the router knows of no messages for
// them, as for a user without any. Without a database nobody can tell.
func (a *app) known(ctx context.Context, user aor.AOR) error {
	if a.db == noDatabase {
		return nil
	}
	db, err := a.openDB(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	return isUser(ctx, db, user)
}

// isUser refuses somebody who is no user of ours.
func isUser(ctx context.Context, db *store.DB, user aor.AOR) error {
	if _, err := db.Subscribers.Find(ctx, user); err != nil {
		return notThere(err, user)
	}
	return nil
}

// siloOf asks the router, or reads the database if no router runs.
func (a *app) siloOf(ctx context.Context, user aor.AOR) ([]ctlproto.MsiloMessage, error) {
	c, err := a.connect(ctx)
	if err == nil {
		defer c.Close()
		return storedMessages(ctx, func(ctx context.Context, offset int) (ctlproto.MsiloListResult, error) {
			return c.MsiloList(ctx, ctlproto.MsiloListParams{Owner: user.String(), Limit: ctlproto.MaxMessages, Offset: offset})
		})
	}
	if !notRunning(err) || a.db == noDatabase {
		return nil, err
	}
	db, err := a.openDB(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	list, err := storedMessages(ctx, fromDatabase(db, user))
	if err != nil {
		return nil, databaseError(err)
	}
	return list, nil
}

// sender is who wrote a message.
func sender(m ctlproto.MsiloMessage) string {
	if m.FromName == "" {
		return m.From
	}
	return m.FromName + " <" + m.From + ">"
}

// deliveryState says how far the delivery of a message has come.
func deliveryState(m ctlproto.MsiloMessage) string {
	text := "unread"
	if !m.Read.IsZero() {
		text = "read"
	}
	code := "no answer"
	if m.LastCode != 0 {
		code = strconv.Itoa(m.LastCode)
	}
	switch {
	case m.Refused:
		text += ", refused by the phone (" + code + ")"
	case m.Attempts > 0:
		text += fmt.Sprintf(", %s failed (%s)", attempts(m.Attempts), code)
	}
	return text
}

// attempts counts deliveries.
func attempts(n int) string {
	if n == 1 {
		return "1 delivery"
	}
	return fmt.Sprintf("%d deliveries", n)
}

// maxBodyText is how many characters of a message a table shows.
const maxBodyText = 60

// bodyText is the beginning of a message on one line.
func bodyText(m ctlproto.MsiloMessage) string {
	if kind, _, _ := strings.Cut(m.ContentType, ";"); !strings.HasPrefix(strings.ToLower(strings.TrimSpace(kind)), "text/") || !utf8.Valid(m.Body) {
		return fmt.Sprintf("%d bytes of %s", len(m.Body), m.ContentType)
	}
	text := string(m.Body)
	n := 0
	for i := range text {
		if n == maxBodyText {
			return text[:i] + "…"
		}
		n++
	}
	return text
}

func (a *app) msiloRmCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "rm USER[@DOMAIN] ID…", Short: "Remove stored messages of a user, by the numbers of msilo show",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("msilo rm: USER is missing")
			case len(args) == 1 && !all:
				return usagef("msilo rm: ID is missing; --all removes all messages of %s", args[0])
			case len(args) > 1 && all:
				return usagef("msilo rm: --all and an ID say different things")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := messageIDs(args[1:])
			if err != nil {
				return err
			}
			return a.msiloRm(cmd.Context(), args[0], ids)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "remove all messages of the user that are there now")
	return cmd
}

func messageIDs(texts []string) ([]int64, error) {
	var ids []int64
	for _, text := range texts {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			return nil, usagef("ID: %q is not the number of a message", text)
		}
		ids = append(ids, id)
	}
	if len(ids) > ctlproto.MaxMessageIDs {
		return nil, usagef("msilo rm: at most %d messages at once", ctlproto.MaxMessageIDs)
	}
	return ids, nil
}

// removedResult is the JSON of msilo rm.
type removedResult struct {
	Address string `json:"address"`
	Removed int    `json:"removed"`
}

// msiloRm removes the messages with these ids, or all if there are none.
func (a *app) msiloRm(ctx context.Context, text string, ids []int64) error {
	var removed int
	change := liveChange{action: "msilo.remove", call: func(ctx context.Context, c *ctlproto.Client, user aor.AOR) (err error) {
		if ids == nil {
			if ids, err = allIDs(ctx, c, user); err != nil {
				return err
			}
		}
		removed, err = removeMessages(ctx, c, user, ids)
		return err
	}}
	change.describe = func() string { return messages(removed) }
	user, err := a.changeLive(ctx, text, &change)
	if err != nil {
		return err
	}
	return a.done(removedResult{user.String(), removed}, "%s of %s removed", messages(removed), user)
}

// allIDs are the messages of a user that are there now.
func allIDs(ctx context.Context, c *ctlproto.Client, user aor.AOR) ([]int64, error) {
	list, err := storedMessages(ctx, func(ctx context.Context, offset int) (ctlproto.MsiloListResult, error) {
		return c.MsiloList(ctx, ctlproto.MsiloListParams{Owner: user.String(), Limit: ctlproto.MaxMessages, Offset: offset})
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("no message is stored for %s", user)
	}
	var ids []int64
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	return ids, err
}

// removeMessages removes messages, as many at once as the router takes.
func removeMessages(ctx context.Context, c *ctlproto.Client, user aor.AOR, ids []int64) (removed int, err error) {
	for chunk := range slices.Chunk(ids, ctlproto.MaxMessageIDs) {
		n, err := c.MsiloRm(ctx, user.String(), chunk...)
		if gone(err) != nil {
			return removed, err
		}
		removed += n
	}
	if removed == 0 {
		return 0, fmt.Errorf("none of these messages is stored for %s", user)
	}
	return removed, nil
}
