package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// cancelWait bounds how long an interrupted dial waits for the end of its attempt.
const cancelWait = 5 * time.Second

func (a *app) dialCommand() *cobra.Command {
	var noWait bool
	cmd := &cobra.Command{
		Use:   "dial CALLER CALLEE",
		Short: "Connect two people: CALLER's phone rings first, then calls CALLEE",
		Long: `Connect two people by click-to-dial: the phone of CALLER (a user of ours) rings;
when it is answered, it is told to call CALLEE (any SIP or tel address). Each
step is shown as it happens. Ctrl-C cancels. The exit code is 0 if both are
connected.`,
		Args: arguments("dial", "CALLER", "CALLEE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.dial(cmd.Context(), args[0], args[1], noWait)
		},
	}
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "print the attempt's id and do not follow it")
	return cmd
}

// idResult is the JSON of dial --no-wait.
type idResult struct {
	ID string `json:"id"`
}

func (a *app) dial(ctx context.Context, from, to string, noWait bool) (err error) {
	caller, err := a.liveAddress(ctx, from)
	if err != nil {
		return err
	}
	callee, err := aor.CanonicalURI(to, caller.Domain)
	if err != nil {
		return usagef("CALLEE: %v", err)
	}
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
		defer db.Close()
	}
	d := &dialing{app: a, client: c, caller: caller.String(), callee: callee}
	if !noWait {
		// Before the attempt begins, so that no step is missed.
		if d.feed, err = c.Subscribe(ctx, ctlproto.TopicCtd); err != nil {
			return err
		}
		defer d.feed.Close()
	}
	if err := d.start(ctx, db); err != nil {
		return err
	}
	if !noWait {
		return d.follow(ctx)
	}
	if a.asJSON() {
		return a.writeJSON(idResult{d.id})
	}
	_, err = fmt.Fprintln(a.out, safe(d.id))
	return err
}

// dialing is an attempt under way.
type dialing struct {
	*app
	client *ctlproto.Client
	feed   *ctlproto.Subscription
	caller string
	callee string

	id    string
	steps int // how many were shown
}

func (d *dialing) start(ctx context.Context, db *store.DB) (err error) {
	d.id, err = d.client.CtdDial(ctx, ctlproto.CtdDialParams{Caller: d.caller, Callee: d.callee, Actor: d.actor + " by " + auditSource})
	if err != nil || db == nil {
		return err
	}
	return d.audit(ctx, db, store.Record{Action: "ctd.dial", Object: d.caller, After: "callee " + d.callee})
}

// follow shows the steps of the attempt to its end. When ctx ends it cancels
// the attempt and sees that through.
func (d *dialing) follow(ctx context.Context) error {
	status, err := d.watch(ctx, true)
	if ctx.Err() == nil || errors.Is(err, ctlproto.ErrUnreachable) {
		return outcome(status, err)
	}
	rest, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelWait)
	defer stop()
	refusal := gone(d.client.CtdCancel(rest, d.id, d.actor+" by "+auditSource))
	if refusal != nil {
		// Perhaps it has just ended; then that is what there is to say.
		if status, err = d.client.CtdStatus(rest, d.id); err != nil || !status.Ended {
			return fmt.Errorf("the call cannot be cancelled any more and goes on: %w", refusal)
		}
	}
	status, err = d.watch(rest, true)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the call is being cancelled; \"seraphctl rpc ctd.status %s\" shows whether it has ended", d.id)
	}
	return outcome(status, err)
}

// outcome is the error of an attempt that ended.
func outcome(status ctlproto.CtdStatus, err error) error {
	switch {
	case errors.Is(err, ctlproto.ErrUnreachable):
		return &unreachableError{"the router went away while the call was being made: nobody knows how it ended", err}
	case err != nil:
		return err
	case status.State != ctlproto.CtdConnected:
		return errShown
	}
	return nil
}

// watch shows every step until the attempt has ended; read asks for the state
// first, because steps may have passed unseen.
func (d *dialing) watch(ctx context.Context, read bool) (ctlproto.CtdStatus, error) {
	for {
		var status ctlproto.CtdStatus
		var err error
		if read {
			status, err = d.client.CtdStatus(ctx, d.id)
		} else if status, read, err = d.next(ctx); read {
			continue
		}
		if err != nil {
			return status, err
		}
		read = false
		if status.ID != d.id {
			continue
		}
		if err := d.show(status); err != nil || status.Ended {
			return status, err
		}
	}
}

// next waits for the next event; lost says that some are missing.
func (d *dialing) next(ctx context.Context) (status ctlproto.CtdStatus, lost bool, err error) {
	event, err := d.feed.Next(ctx)
	if err != nil || event.Topic == ctlproto.TopicLost {
		return status, err == nil, err
	}
	status, err = event.Ctd()
	return status, false, err
}

// show prints what is new in status.
func (d *dialing) show(status ctlproto.CtdStatus) error {
	if len(status.Steps) <= d.steps {
		return nil
	}
	fresh := status.Steps[d.steps:]
	d.steps = len(status.Steps)
	if d.asJSON() {
		return d.writeJSONLine(status)
	}
	for _, step := range fresh {
		elapsed := (time.Duration(step.ElapsedMS) * time.Millisecond).Seconds()
		if _, err := fmt.Fprintf(d.out, "%6.1f s  %s\n", elapsed, safe(d.words(status, step.State))); err != nil {
			return err
		}
	}
	return nil
}

// words says one step for people.
func (d *dialing) words(status ctlproto.CtdStatus, state ctlproto.CtdState) string {
	switch state {
	case ctlproto.CtdRingingYou:
		return "calling the phone of " + d.caller
	case ctlproto.CtdAnswered:
		return d.caller + " answered"
	case ctlproto.CtdReferring:
		return "telling that phone to call " + d.callee
	case ctlproto.CtdCallingThem:
		return "the router itself calls " + d.callee
	case ctlproto.CtdRingingThem:
		return d.callee + " is ringing"
	case ctlproto.CtdConnected:
		return "connected"
	case ctlproto.CtdCancelled:
		return "cancelled"
	case ctlproto.CtdFailed:
		return "failed: " + d.reason(status)
	}
	return string(state) // of a newer router
}

// reason says why an attempt failed, and the SIP status that decided it.
func (d *dialing) reason(status ctlproto.CtdStatus) string {
	text := d.outcomeWords(status.Message)
	if status.Code != 0 {
		text += fmt.Sprintf(" (%d %s)", status.Code, status.Reason)
	}
	return text
}

func (d *dialing) outcomeWords(o ctlproto.CtdOutcome) string {
	switch o {
	case ctlproto.OutcomeCallerOffline:
		return d.caller + " has no phone registered"
	case ctlproto.OutcomeCallerNoAnswer:
		return d.caller + " did not answer"
	case ctlproto.OutcomeCallerBusy:
		return d.caller + " is busy"
	case ctlproto.OutcomeCallerRefused:
		return d.caller + " refused"
	case ctlproto.OutcomeReferRefused:
		return "the phone of " + d.caller + " does not take a transfer (REFER)"
	case ctlproto.OutcomeCalleeOffline:
		return d.callee + " cannot be reached"
	case ctlproto.OutcomeCalleeNoAnswer:
		return d.callee + " did not answer"
	case ctlproto.OutcomeCalleeBusy:
		return d.callee + " is busy"
	case ctlproto.OutcomeCalleeRefused:
		return d.callee + " refused"
	case ctlproto.OutcomeNoOutcome:
		return "the phone of " + d.caller + " never said how the call went"
	case ctlproto.OutcomeTimeout:
		return "a step took too long"
	case ctlproto.OutcomeCancelled:
		return "somebody cancelled it"
	case ctlproto.OutcomeInternal:
		return "a fault of the router; its log has the reason"
	}
	return string(o)
}
