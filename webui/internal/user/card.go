package user

import (
	"context"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/webui/internal/view"
)

// callCard is a click-to-dial attempt as the card and the attempt's page show it.
type callCard struct {
	ID      string
	Title   view.Msg // "Calling Bob Keller"
	Name    string   // "Bob Keller"
	Address string   // bob@example.org
	To      string   // the URI, to call it again
	Device  string   // the one phone that rang, as in fieldDevice; "" if all did
	Steps   []callStep
	// Say is what the live region says of the last step.
	Say view.Msg
	// Verdict is how it ended and Advice what to do; their keys are "" while it runs.
	Verdict, Advice view.Msg
	// Code and Reason are SIP's, 0 and "" if nothing decided it yet.
	Code   int
	Reason string
	// Version rises with each change, so that a late answer never replaces a newer card.
	Version            int
	Cancellable, Ended bool
	Connected          bool
	Cancelled          bool // by somebody's wish: no fault
	Asked              bool // for by a visitor of the caller's public page
	Began              time.Time
}

// callStep is one line of the card.
type callStep struct {
	Text    view.Msg
	Mark    string // "done", "now" or "next"
	Elapsed string // since the click, "" if not reached or at once
}

// callSteps are the steps of a good attempt, in their order.
var callSteps = []ctlproto.CtdState{
	ctlproto.CtdRingingYou, ctlproto.CtdAnswered, ctlproto.CtdReferring, ctlproto.CtdRingingThem, ctlproto.CtdConnected,
}

// thirdPartySteps are those of an attempt in which the router calls both: a phone that
// refused to transfer has not called anybody.
var thirdPartySteps = []ctlproto.CtdState{
	ctlproto.CtdRingingYou, ctlproto.CtdAnswered, ctlproto.CtdCallingThem, ctlproto.CtdRingingThem, ctlproto.CtdConnected,
}

// newCard words an attempt for its caller.
func (p *Portal) newCard(ctx context.Context, who aor.AOR, status ctlproto.CtdStatus) callCard {
	full, short := p.calleeNames(ctx, who, status)
	c := callCard{
		ID: status.ID, Name: full, Address: shortAddress(status.Callee), To: status.Callee, Device: p.live.calls.device(who, status.ID),
		Code: status.Code, Reason: status.Reason, Version: 2 * len(status.Steps),
		Cancellable: status.Cancellable && !status.Ended, Ended: status.Ended,
		Connected: status.State == ctlproto.CtdConnected, Cancelled: status.State == ctlproto.CtdCancelled,
		Asked: strings.HasPrefix(status.Actor, ctlproto.VisitorActor), Began: began(status),
	}
	if c.Ended {
		c.Version++
	}
	c.Steps = cardSteps(status, short)
	c.Title = cardTitle(status, full)
	c.Verdict, c.Advice = verdict(status, short, c.Address)
	c.Say = c.Verdict
	for _, step := range c.Steps {
		if step.Mark == "now" {
			c.Say = step.Text
		}
	}
	return c
}

// calleeNames are the name to show in full and the one to say in a sentence:
// those of the caller's own phone book, else what the attempt was given, else
// the address.
func (p *Portal) calleeNames(ctx context.Context, who aor.AOR, status ctlproto.CtdStatus) (full, short string) {
	if e, err := p.DB.Phonebook.FindAddress(ctx, who, status.Callee); err == nil {
		if e.FirstName != "" {
			return e.Name(), e.FirstName
		}
		return e.Name(), e.Name()
	}
	if status.CalleeName != "" {
		return status.CalleeName, status.CalleeName
	}
	address := shortAddress(status.Callee)
	return address, address
}

// shortAddress is an address as people write it: without its scheme, unless
// that is sips.
func shortAddress(uri string) string {
	for _, scheme := range []string{"sip:", "tel:"} {
		if rest, ok := strings.CutPrefix(uri, scheme); ok {
			return rest
		}
	}
	return uri
}

func cardTitle(status ctlproto.CtdStatus, name string) view.Msg {
	switch {
	case status.State == ctlproto.CtdConnected:
		return view.M("call.title.connected", name)
	case status.Ended:
		return view.M("call.title.ended", name)
	}
	return view.M("call.title.running", name)
}

// cardSteps are the steps that were reached, with their times, and those that
// are still to come while the attempt runs. A step that was passed over (a
// phone that tells only of the answer) is left out.
func cardSteps(status ctlproto.CtdStatus, name string) []callStep {
	good := callSteps
	if status.ThirdParty {
		good = thirdPartySteps
	}
	reached := make(map[ctlproto.CtdState]ctlproto.CtdStep)
	last := -1
	for _, step := range status.Steps {
		reached[step.State] = step
		for i, state := range good {
			if state == step.State {
				last = max(last, i)
			}
		}
	}
	var steps []callStep
	for i, state := range good {
		step, was := reached[state]
		switch {
		case was && i == last && status.Ended && !happened(state, status):
			// what did not come about is left to the verdict
		case was && (i < last || status.Ended):
			steps = append(steps, reachedStep(stepText(state, true, status, name), "done", step))
		case was:
			steps = append(steps, reachedStep(stepText(state, false, status, name), "now", step))
		case i > last && !status.Ended:
			steps = append(steps, callStep{Text: nextText(state, name), Mark: "next"})
		}
	}
	return steps
}

// happened reports whether the last step of an attempt that has ended came
// about, rather than being what failed.
func happened(state ctlproto.CtdState, status ctlproto.CtdStatus) bool {
	switch state {
	case ctlproto.CtdRingingYou:
		switch status.Message {
		case ctlproto.OutcomeCallerNoAnswer, ctlproto.OutcomeCancelled, outcomeLost:
			return true
		case ctlproto.OutcomeCallerRefused:
			return status.Code == 603 // declined by hand; others come without ringing
		}
		return status.Message == "" // nothing is known against it
	case ctlproto.CtdReferring, ctlproto.CtdCallingThem:
		switch status.Message {
		case ctlproto.OutcomeCalleeOffline, ctlproto.OutcomeCalleeNoAnswer, ctlproto.OutcomeCalleeBusy, ctlproto.OutcomeCalleeRefused:
			return true
		}
		return false
	}
	return true
}

func reachedStep(text view.Msg, mark string, step ctlproto.CtdStep) callStep {
	return callStep{Text: text, Mark: mark, Elapsed: elapsed(step.ElapsedMS)}
}

// elapsed is a time since the click: "1.2 s", from a minute on "1:05"; "" for
// what was there at once.
func elapsed(ms int64) string {
	switch {
	case ms < 50:
		return ""
	case ms < 59_950:
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	ms += 50 // as the tenths are rounded
	return fmt.Sprintf("%d:%02d", ms/60_000, ms/1000%60)
}

// stepText words a step that was reached: as what happens, or what happened.
func stepText(state ctlproto.CtdState, past bool, status ctlproto.CtdStatus, name string) view.Msg {
	switch state {
	case ctlproto.CtdRingingYou:
		if past {
			return view.M("call.ringing_you.past")
		}
		return view.M("call.ringing_you")
	case ctlproto.CtdAnswered:
		return view.M("call.answered")
	case ctlproto.CtdReferring:
		switch {
		case past:
			return view.M("call.referring.past", name)
		case !status.Cancellable: // the phone calls past us: nothing more can be done here
			return view.M("call.referring.alone", name)
		}
		return view.M("call.referring", name)
	case ctlproto.CtdCallingThem:
		if past {
			return view.M("call.calling_them.past", name)
		}
		return view.M("call.calling_them", name)
	case ctlproto.CtdRingingThem:
		if past {
			return view.M("call.ringing_them.past", name)
		}
		return view.M("call.ringing_them", name)
	case ctlproto.CtdConnected:
		return view.M("call.connected")
	}
	return view.M("call.step", string(state))
}

// nextText words a step that is still to come.
func nextText(state ctlproto.CtdState, name string) view.Msg {
	switch state {
	case ctlproto.CtdAnswered:
		return view.M("call.answered.next")
	case ctlproto.CtdReferring:
		return view.M("call.referring.next")
	case ctlproto.CtdRingingThem:
		return view.M("call.ringing_them", name)
	case ctlproto.CtdConnected:
		return view.M("call.connected")
	}
	return view.M("call.ringing_you")
}

// verdict words how an attempt ended, and what to do.
func verdict(status ctlproto.CtdStatus, name, address string) (text, advice view.Msg) {
	if !status.Ended {
		return view.Msg{}, view.Msg{}
	}
	if status.State == ctlproto.CtdConnected {
		return view.M("call.verdict.connected", name), view.M("call.advice.connected")
	}
	if nowhere(status) {
		return view.M("call.verdict.callee_nowhere", name), view.M("call.advice.callee_nowhere", address)
	}
	switch status.Message {
	case ctlproto.OutcomeCallerOffline:
		return view.M("call.verdict.caller_offline"), view.M("call.advice.caller_offline")
	case ctlproto.OutcomeCallerNoAnswer:
		return view.M("call.verdict.caller_no_answer"), view.M("call.advice.caller_no_answer")
	case ctlproto.OutcomeCallerBusy:
		return view.M("call.verdict.caller_busy"), view.M("call.advice.caller_busy")
	case ctlproto.OutcomeCallerRefused:
		return view.M("call.verdict.caller_refused"), view.M("call.advice.caller_refused")
	case ctlproto.OutcomeReferRefused:
		return view.M("call.verdict.refer_refused"), view.M("call.advice.refer_refused", address)
	case ctlproto.OutcomeCalleeOffline:
		return view.M("call.verdict.callee_offline", name), view.M("call.advice.later")
	case ctlproto.OutcomeCalleeNoAnswer:
		return view.M("call.verdict.callee_no_answer", name), view.M("call.advice.later")
	case ctlproto.OutcomeCalleeBusy:
		return view.M("call.verdict.callee_busy", name), view.M("call.advice.busy")
	case ctlproto.OutcomeCalleeRefused:
		return view.M("call.verdict.callee_refused", name), view.M("call.advice.later")
	case ctlproto.OutcomeNoOutcome:
		return view.M("call.verdict.no_outcome"), view.M("call.advice.no_outcome", name)
	case ctlproto.OutcomeTimeout:
		return view.M("call.verdict.timeout"), view.M("call.advice.timeout")
	case ctlproto.OutcomeCancelled:
		return view.M("call.verdict.cancelled"), view.M("call.advice.cancelled")
	case outcomeLost:
		return view.M("call.verdict.lost"), view.M("call.advice.lost")
	}
	if status.State == ctlproto.CtdCancelled {
		return view.M("call.verdict.cancelled"), view.M("call.advice.cancelled")
	}
	return view.M("call.verdict.internal"), view.M("call.advice.internal")
}

// nowhere reports that the call to the callee failed because its address leads
// nowhere (RFC 3261 §21.4.5, §21.4.11, §21.4.14, §21.4.22, §21.6.3; 478 is SER's for a name
// that does not resolve), rather than that somebody refused.
func nowhere(status ctlproto.CtdStatus) bool {
	if status.Message != ctlproto.OutcomeCalleeOffline && status.Message != ctlproto.OutcomeCalleeRefused {
		return false
	}
	switch status.Code {
	case 404, 410, 416, 478, 484, 604:
		return true
	}
	return false
}

// SIPLine is SIP's own word for the outcome, for those who ask: "486 Busy Here".
// A call that came about needs no reason.
func (c callCard) SIPLine() string {
	if c.Code == 0 || c.Connected {
		return ""
	}
	return strings.TrimSpace(strconv.Itoa(c.Code) + " " + c.Reason)
}

// Card is the card of the user's attempt for the layout of every page, empty
// if there is none.
func (p *Portal) Card(ctx context.Context, f view.Frame, who aor.AOR) template.HTML {
	_, html := p.card(ctx, f, who)
	return template.HTML(html) // made by html/template
}

// askCall asks how the user's running attempt stands if nothing was heard of it for a
// while, and tells the user's other pages. Scripts learn it by events; without them, this page
// is all there is.
func (p *Portal) askCall(ctx context.Context, who aor.AOR) {
	id, due := p.live.calls.due(who)
	if !due {
		return
	}
	var status ctlproto.CtdStatus
	err := p.router.Ask(ctx, func(ctx context.Context) (err error) {
		status, err = p.Ctl.CtdStatus(ctx, id)
		return err
	})
	switch {
	case err == nil:
		p.live.called(status)
	case ctlproto.CodeOf(err) == ctlproto.CodeNotFound:
		p.live.lost(who, id)
	}
}

// card is the user's card with the id of its attempt. Where the user has closed
// it, it is a link to the attempt's page, and nothing once it has ended.
func (p *Portal) card(ctx context.Context, f view.Frame, who aor.AOR) (id, html string) {
	p.askCall(ctx, who)
	part := "call-card"
	status, ok := p.live.calls.current(who)
	if !ok {
		part = "call-link"
		last, closed, known := p.live.calls.last(who)
		switch {
		case !known || !closed:
			return "", ""
		case last.Ended:
			return last.ID, ""
		}
		status = last
	}
	made, err := p.View.HTML(f, part, p.newCard(ctx, who, status))
	if err != nil {
		p.Log.Error("card not made", "error", err)
		return "", ""
	}
	return status.ID, string(made)
}
