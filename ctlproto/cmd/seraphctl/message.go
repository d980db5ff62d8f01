package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

func (a *app) messageCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "message FROM TO TEXT",
		Short: "Send a message in the name of a user",
		Long: `Send a message (SIP MESSAGE) in the name of FROM, a user of ours, to TO, any SIP
address. TEXT "-" is read from standard input. The exit code is 0 if a phone
took the message or the message store keeps it. The audit records who wrote to
whom, and not the text.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 3 {
				return usagef("message: put TEXT in quotes, so that it is one argument")
			}
			return arguments("message", "FROM", "TO", "TEXT")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := a.messageText(args[2])
			if err != nil {
				return err
			}
			return a.message(cmd.Context(), args[0], args[1], text)
		},
	}
}

// messageText reads TEXT and refuses what cannot be sent.
func (a *app) messageText(text string) (string, error) {
	if text == "-" {
		all, err := io.ReadAll(io.LimitReader(a.in, ctlproto.MaxImText+2)) // and a line end
		if err != nil {
			return "", fmt.Errorf("standard input: %w", err)
		}
		text = strings.TrimSuffix(strings.TrimSuffix(string(all), "\n"), "\r")
	}
	switch {
	case text == "":
		return "", usagef("TEXT is empty")
	case len(text) > ctlproto.MaxImText:
		return "", usagef("TEXT has more than %d bytes", ctlproto.MaxImText)
	case !utf8.ValidString(text):
		return "", usagef("TEXT is not UTF-8")
	}
	return text, nil
}

func (a *app) message(ctx context.Context, from, to, text string) error {
	var callee string
	var outcome ctlproto.ImSendResult
	change := liveChange{action: "im.send", call: func(ctx context.Context, c *ctlproto.Client, user aor.AOR) (err error) {
		if callee, err = aor.CanonicalURI(to, user.Domain); err != nil {
			return usagef("TO: %v", err)
		}
		if strings.HasPrefix(callee, "tel:") {
			return usagef("TO: a message goes to a SIP address, not to a telephone number")
		}
		outcome, err = c.ImSend(ctx, ctlproto.ImSendParams{From: user.String(), To: callee, Text: text, Actor: a.actor + " by " + auditSource})
		return err
	}}
	change.describe = func() string { return fmt.Sprintf("to %s, %s", callee, outcome.Result) }
	if _, err := a.changeLive(ctx, from, &change); err != nil {
		return err
	}
	if err := a.done(outcome, "%s", sent(callee, outcome)); err != nil {
		return err
	}
	if outcome.Result == ctlproto.ImFailed {
		return a.failed(sent(callee, outcome))
	}
	return nil
}

// failed ends a command with exitFailed; text is said where no output has.
func (a *app) failed(text string) error {
	if a.quiet && !a.asJSON() {
		return errors.New(text)
	}
	return errShown
}

// sent says what became of a message, and the SIP status that decided it.
func sent(to string, r ctlproto.ImSendResult) string {
	text := string(r.Result) // of a newer router
	switch r.Result {
	case ctlproto.ImDelivered:
		text = "delivered to " + to
	case ctlproto.ImStored:
		text = "stored until a phone of " + to + " registers"
	case ctlproto.ImFailed:
		text = "failed: " + to + " did not get it"
	}
	if r.Code != 0 {
		text += fmt.Sprintf(" (%d %s)", r.Code, r.Reason)
	}
	return text
}
