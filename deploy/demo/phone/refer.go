package phone

import (
	"context"
	"fmt"

	"github.com/emiago/sipgo/sip"
)

// onRefer takes a transfer (RFC 3515) within a call: it says 202, places the call and reports
// every step by NOTIFY.
func (p *Phone) onRefer(req *sip.Request, tx sip.ServerTransaction) {
	if !p.understood(req, tx) {
		return
	}
	if to := req.To(); to == nil || !to.Params.Has("tag") {
		// Whoever could send this could make the phone call anywhere.
		p.respond(req, tx, sip.StatusGlobalDecline, "Decline")
		return
	}
	c := p.within(req, tx)
	if c == nil {
		return
	}
	to, code, reason := referTarget(req)
	if code != 0 {
		p.respond(req, tx, code, reason)
		return
	}
	if !c.busy.CompareAndSwap(false, true) {
		p.respond(req, tx, sip.StatusRequestPending, "Request Pending")
		return
	}
	event := "refer"
	if c.refers.Add(1) > 1 {
		// RFC 3515 §2.4.6: the second and later ones of a dialog need the id.
		event = fmt.Sprintf("refer;id=%d", req.CSeq().SeqNo)
	}
	p.log.Info("is asked to call", "target", to.Addr(), "by", c.peer)
	p.respond(req, tx, sip.StatusAccepted, "Accepted", p.contact())

	var extra []sip.Header
	if by := req.GetHeader("Referred-By"); by != nil {
		extra = append(extra, sip.NewHeader("Referred-By", by.Value())) // RFC 3892 §2.2
	}
	p.spawn(func() {
		defer c.busy.Store(false)
		p.transfer(c, event, to, extra)
	})
}

// referTarget reads the one Refer-To of a REFER; code is 0 if it is usable.
func referTarget(req *sip.Request) (to sip.Uri, code int, reason string) {
	headers := append(req.GetHeaders("Refer-To"), req.GetHeaders("r")...) // r is the compact form
	if len(headers) != 1 {
		return to, sip.StatusBadRequest, "Exactly One Refer-To Wanted"
	}
	var params sip.HeaderParams
	if _, err := sip.ParseAddressValue(headers[0].Value(), &to, &params); err != nil {
		return to, sip.StatusBadRequest, "Bad Refer-To"
	}
	if to.Scheme != "sip" && to.Scheme != "sips" || to.Host == "" || len(to.Headers) > 0 {
		// A telephone number or a Replaces is more than this phone can do.
		return to, sip.StatusGlobalDecline, "Decline"
	}
	to.UriParams.Remove("method")
	return to, 0, ""
}

// transfer places the call that a REFER asked for and reports it to the end.
func (p *Phone) transfer(c *call, event string, to sip.Uri, extra []sip.Header) {
	// 16 steps are more than a call has; beyond them the provisional ones are dropped.
	steps := make(chan status, 16)
	p.work.Go(func() { p.report(c, event, steps) })
	steps <- status{100, "Trying", false}

	ctx, cancel := context.WithTimeout(p.life, p.cfg.GiveUp)
	defer cancel()
	told := 0
	_, err := p.place(ctx, to, extra, func(code int, reason string) {
		if code == told {
			return
		}
		told = code
		p.log.Info("hears", "peer", to.Addr(), "status", fmt.Sprintf("%d %s", code, reason))
		select {
		case steps <- status{code, reason, false}:
		default:
		}
	})
	code, reason := outcome(err)
	p.log.Info("call is placed", "peer", to.Addr(), "status", fmt.Sprintf("%d %s", code, reason))
	steps <- status{code, reason, true}
	close(steps)
}

// status is one step of a transfer as a NOTIFY tells it.
type status struct {
	code   int
	reason string
	final  bool
}

// report sends a NOTIFY for each step, in order, until the last or until nobody listens. It takes
// every step, so that whoever tells them is never held up.
func (p *Phone) report(c *call, event string, steps <-chan status) {
	deaf := false
	for s := range steps {
		if !deaf {
			deaf = !p.notify(c, event, s)
		}
	}
}

// notify sends one NOTIFY (RFC 3515 §2.4.4); false if the subscriber is gone.
func (p *Phone) notify(c *call, event string, s status) bool {
	state := "active;expires=180"
	if s.final {
		state = "terminated;reason=noresource"
	}
	req := c.request(sip.NOTIFY, c.nextSeq())
	for _, h := range []sip.Header{
		sip.NewHeader("Event", event), sip.NewHeader("Subscription-State", state), p.contact(),
		sip.NewHeader("Content-Type", "message/sipfrag;version=2.0"),
	} {
		req.AppendHeader(h)
	}
	req.SetBody(fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", s.code, s.reason))
	p.complete(req)
	ctx, cancel := p.lingering()
	defer cancel()
	res, err := p.do(ctx, req)
	if err != nil || !res.IsSuccess() {
		p.log.Debug("NOTIFY", "peer", c.peer, "error", err)
		return false
	}
	return true
}
