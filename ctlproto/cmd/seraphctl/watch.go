package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
)

// topics are what can be watched.
var topics = []string{ctlproto.TopicCall, ctlproto.TopicCtd, ctlproto.TopicDialog, ctlproto.TopicMessage, ctlproto.TopicMissedCall, ctlproto.TopicRegistration}

func (a *app) watchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch [TOPIC]…",
		Short: "Show what happens, as it happens",
		Long: `Show what happens in the router, a line for each event, until Ctrl-C:
registrations, calls, click-to-dial, stored messages, missed calls. Without a
TOPIC, all of it. Topics:
` + strings.Join(topics, ", ") + ".",
		ValidArgs: topics,
		Args: func(_ *cobra.Command, args []string) error {
			for _, topic := range args {
				if !slices.Contains(topics, topic) {
					return usagef("watch: there is no topic %q; there is %s", topic, strings.Join(topics, ", "))
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = topics
			}
			return a.watch(cmd.Context(), args)
		},
	}
	return cmd
}

// watch shows events until ctx ends, which is no failure: that is how one leaves.
func (a *app) watch(ctx context.Context, chosen []string) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	feed, err := c.Feed(ctx, chosen...)
	if err != nil {
		return err
	}
	defer feed.Close()
	if !a.quiet {
		fmt.Fprintf(a.errs, "watching %s; Ctrl-C ends\n", strings.Join(chosen, ", "))
	}
	for {
		event, err := feed.Next(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case errors.Is(err, ctlproto.ErrUnreachable):
			return &unreachableError{"the router went away", err}
		case err != nil:
			return err
		case event.Topic == ctlproto.TopicLost:
			a.warn("events were lost, because this program was too slow")
			continue
		}
		if err := a.showEvent(event); err != nil {
			return err
		}
	}
}

func (a *app) showEvent(event ctlproto.Event) error {
	if a.asJSON() {
		return a.writeJSONLine(event)
	}
	text, err := eventWords(event)
	if err != nil { // of another release: it is shown as it came
		text = string(event.Data)
	}
	now := time.Now
	if a.now != nil {
		now = a.now
	}
	_, err = fmt.Fprintf(a.out, "%s  %-12s  %s\n", now().UTC().Format(time.TimeOnly), event.Topic, safe(text))
	return err
}

// eventWords is what an event says to people.
func eventWords(event ctlproto.Event) (string, error) {
	switch event.Topic {
	case ctlproto.TopicRegistration:
		e, err := event.Registration()
		var uris []string
		for _, c := range e.Contacts {
			uris = append(uris, c.Address)
		}
		return strings.TrimSpace(fmt.Sprintf("%s is %s  %s", e.AoR, e.Status, strings.Join(uris, ", "))), err
	case ctlproto.TopicDialog:
		e, err := event.Dialog()
		text := fmt.Sprintf("%s: %s → %s  %s", e.State, orText(e.Caller, "somebody"), orText(e.Callee, "somebody"), e.CallID)
		if e.HungUpBy != "" {
			text += "  hung up by the " + e.HungUpBy
		}
		return text, err
	case ctlproto.TopicCtd:
		e, err := event.Ctd()
		return strings.TrimSpace(fmt.Sprintf("%s: %s → %s  %s", e.State, e.Caller, e.Callee, e.Message)), err
	case ctlproto.TopicMessage:
		e, err := event.Message()
		return fmt.Sprintf("%s has %d stored, %d unread", e.Owner, e.Total, e.Unread), err
	case ctlproto.TopicCall:
		e, err := event.Call()
		return fmt.Sprintf("written, %s: %s → %s  %s", e.State, orText(e.Caller, "somebody"), e.Callee, e.CallID), err
	case ctlproto.TopicMissedCall:
		e, err := event.MissedCall()
		return fmt.Sprintf("%s missed a call of %s: %d %s", e.Owner, orText(e.Caller, "somebody"), e.Code, e.Reason), err
	}
	return string(event.Data), nil
}
