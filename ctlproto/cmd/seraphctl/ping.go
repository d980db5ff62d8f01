package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) pingCommand() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "ping URI",
		Short: "Ask a phone for a sign of life (SIP OPTIONS)",
		Long: `Send OPTIONS through the router to a SIP address, such as a user's, and show the
answer. The exit code is 0 if the answer is a success (2xx).`,
		Args: arguments("ping", "URI"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if wait < time.Second {
				return usagef("--wait: want at least 1s")
			}
			return a.ping(cmd.Context(), args[0], wait)
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 5*time.Second, "`LIMIT` of the wait for an answer, as 10s")
	return cmd
}

// pingResult is the JSON of ping.
type pingResult struct {
	URI  string `json:"uri"`
	Code int    `json:"code"`
	Text string `json:"text"`
	MS   int64  `json:"ms"` // from the command to the answer
}

func (a *app) ping(ctx context.Context, text string, wait time.Duration) error {
	uri, err := a.pingAddress(ctx, text)
	if err != nil {
		return err
	}
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	limited, stop := context.WithTimeout(ctx, wait)
	defer stop()
	start := time.Now()
	reply, err := c.Ping(limited, uri)
	elapsed := time.Since(start)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return fmt.Errorf("no answer from %s within %s", uri, wait)
		}
		return err
	}
	r := pingResult{URI: uri, Code: reply.Code, Text: reply.Text, MS: elapsed.Milliseconds()}
	said := fmt.Sprintf("%s answered %d %s in %d ms", uri, r.Code, r.Text, r.MS)
	if why := a.offline(ctx, c, uri, r.Code); why != "" { // it was the router that answered
		said = fmt.Sprintf("%s (%d %s)", why, r.Code, r.Text)
	}
	if err := a.done(r, "%s", said); err != nil {
		return err
	}
	if reply.Code < 200 || reply.Code > 299 {
		return a.failed(said)
	}
	return nil
}

// offline says that a user of ours has no phone registered, or that there is no such user, if that
// is what an answer comes of; else it is "". It says so only if all of that can be looked up.
func (a *app) offline(ctx context.Context, c *ctlproto.Client, uri string, code int) string {
	user, err := aor.Parse(uri, "")
	if code != 480 || err != nil || uri != user.URI() || a.db == noDatabase {
		return ""
	}
	db, err := a.openDB(ctx)
	if err != nil {
		return ""
	}
	defer db.Close()
	if checkOurs(ctx, db, user.Domain) != nil {
		return ""
	}
	switch owner, err := db.Aliases.Resolve(ctx, user); {
	case err == nil:
		user = owner
	case !errors.Is(err, store.ErrNotFound):
		return ""
	}
	if _, err = c.UlLookup(ctx, user.String()); ctlproto.CodeOf(err) != ctlproto.CodeNotFound {
		return ""
	}
	switch err := isUser(ctx, db, user); {
	case err == nil:
		return fmt.Sprintf("no phone of %s is registered", user)
	case errors.As(err, new(*noUserError)):
		return err.Error()
	}
	return ""
}

// pingAddress is the URI of a user, or any other SIP URI.
func (a *app) pingAddress(ctx context.Context, text string) (string, error) {
	if bare(text) {
		user, err := a.liveAddress(ctx, text)
		return user.URI(), err
	}
	uri, err := aor.CanonicalTarget(text, "")
	if err != nil {
		return "", usagef("%v", err)
	}
	if strings.HasPrefix(uri, "tel:") {
		return "", usagef("URI: a telephone number cannot be asked; want a SIP address")
	}
	return uri, nil
}
