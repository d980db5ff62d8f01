package phone

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Refused is a final response other than 2xx to a call that a phone placed.
type Refused struct {
	Code   int // 300 to 699
	Reason string
}

func (e *Refused) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Reason) }

// progress is told each provisional response above 100.
type progress func(code int, reason string)

// place calls somebody: INVITE with an offer, credentials if the router asks for them, ACK. If ctx
// ends before the answer, the call is cancelled. The error is a *Refused for a final response.
func (p *Phone) place(ctx context.Context, to sip.Uri, extra []sip.Header, tell progress) (*call, error) {
	d := &dialog{
		callID: sip.GenerateTagN(20) + "@" + p.addr.Addr().String(),
		local:  sip.FromHeader{DisplayName: p.cfg.Name, Address: p.aor()},
		remote: sip.ToHeader{Address: to},
		target: to,
	}
	d.local.Params.Add("tag", sip.GenerateTagN(12))
	c := p.newCall(d, to.Addr())
	if !p.admit(c) {
		return nil, &Refused{sip.StatusBusyHere, "Busy Here"}
	}
	if err := p.invite(ctx, c, extra, tell); err != nil {
		c.finish()
		p.drop(c)
		return nil, err
	}
	p.limit(c, p.cfg.TalkFor)
	return c, nil
}

// invite sends the INVITE, again with credentials if challenged, and acknowledges the answer.
func (p *Phone) invite(ctx context.Context, c *call, extra []sip.Header, tell progress) error {
	offer := c.desc.offer()
	var credentials sip.Header
	for attempt := 0; ; attempt++ {
		req := c.request(sip.INVITE, c.nextSeq())
		for _, h := range append([]sip.Header{
			p.contact(), sip.NewHeader("Allow", p.methods()), sip.NewHeader("Content-Type", "application/sdp"),
		}, extra...) {
			req.AppendHeader(h)
		}
		if credentials != nil {
			req.AppendHeader(credentials)
		}
		req.SetBody(offer)
		p.complete(req)
		req.SetDestination(p.cfg.Router.String())

		i := &invitation{p: p, c: c, req: req}
		res, err := i.run(ctx, tell)
		switch {
		case err != nil:
			return err
		case res.IsSuccess():
			return i.established(ctx, res)
		case !challenged(res) || attempt == maxChallenges || credentials != nil && !stale(res):
			return &Refused{res.StatusCode, res.Reason}
		}
		if credentials, err = p.credentials(req, res); err != nil {
			return fmt.Errorf("INVITE: %w", err)
		}
	}
}

// invitation is one INVITE transaction of ours.
type invitation struct {
	p   *Phone
	c   *call
	req *sip.Request
	tx  sip.ClientTransaction

	mu  sync.Mutex
	ack *sip.Request // sent for the first 2xx; nil before
}

// run sends the INVITE and waits for the final response. When ctx ends it sends CANCEL, as soon as
// there was a provisional response (RFC 3261 §9.1), and goes on waiting for the final one.
func (i *invitation) run(ctx context.Context, tell progress) (*sip.Response, error) {
	tx, err := i.p.ua.TransactionLayer().Request(context.WithoutCancel(ctx), i.req)
	if err != nil {
		return nil, fmt.Errorf("INVITE: %w", err)
	}
	i.tx = tx
	tx.OnRetransmission(func(res *sip.Response) { i.p.spawn(func() { i.again(res) }) })

	giveUp, off := ctx.Done(), i.p.life.Done()
	proceeding, canceling := false, false
	var limit <-chan time.Time
	for {
		if canceling && proceeding && limit == nil {
			limit = time.After(hangUpTimeout)
			i.p.work.Go(i.cancel)
		}
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
			proceeding = true
			if res.StatusCode > 100 && !canceling {
				tell(res.StatusCode, res.Reason)
			}
		case <-giveUp:
			giveUp, canceling = nil, true
		case <-off:
			off, canceling = nil, true
			if !proceeding { // too early for a CANCEL, and too late to wait
				tx.Terminate()
				return nil, context.Canceled
			}
		case <-limit:
			tx.Terminate() // no 487 came
			return nil, context.Canceled
		case <-tx.Done():
			return nil, fmt.Errorf("INVITE: %w", txErr(tx))
		}
	}
}

// cancel sends the CANCEL of the INVITE (RFC 3261 §9.1).
func (i *invitation) cancel() {
	req := sip.NewRequest(sip.CANCEL, *i.req.Recipient.Clone())
	forwards := sip.MaxForwardsHeader(70)
	for _, h := range []sip.Header{
		sip.HeaderClone(i.req.Via()), &forwards,
		sip.HeaderClone(i.req.From()), sip.HeaderClone(i.req.To()), sip.HeaderClone(i.req.CallID()),
		&sip.CSeqHeader{SeqNo: i.req.CSeq().SeqNo, MethodName: sip.CANCEL},
	} {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	req.SetTransport("UDP")
	req.Laddr = i.req.Laddr
	req.SetDestination(i.p.cfg.Router.String())
	ctx, cancel := closing()
	defer cancel()
	if _, err := i.p.do(ctx, req); err != nil {
		i.p.log.Debug("CANCEL", "peer", i.c.peer, "error", err)
	}
}

// established acknowledges the first 2xx. If nobody wants the call any more, it is hung up.
func (i *invitation) established(ctx context.Context, res *sip.Response) error {
	if err := i.c.confirm(res); err != nil {
		return fmt.Errorf("INVITE: %w", err)
	}
	i.mu.Lock()
	i.ack = i.c.request(sip.ACK, i.req.CSeq().SeqNo)
	i.p.complete(i.ack)
	err := i.p.ua.TransportLayer().WriteMsg(i.ack.Clone())
	i.mu.Unlock()
	if err != nil {
		return fmt.Errorf("ACK: %w", err)
	}
	i.c.up.Store(true)
	if ctx.Err() != nil {
		i.p.hangUp(i.c, "answered too late")
		return ctx.Err()
	}
	return nil
}

// again answers a further 2xx: the same one repeated gets the same ACK (RFC 3261 §13.2.2.4); one of
// another branch makes a dialog of its own, which is acknowledged and ended.
func (i *invitation) again(res *sip.Response) {
	i.mu.Lock()
	ack := i.ack
	i.mu.Unlock()
	if ack == nil {
		return // the first one is just being handled; this one will come again
	}
	if to := res.To(); to != nil && to.Params.GetOr("tag", "") == i.c.remoteTag() {
		if err := i.p.ua.TransportLayer().WriteMsg(ack.Clone()); err != nil {
			i.p.log.Debug("ACK not repeated", "error", err)
		}
		return
	}
	spare := &dialog{callID: i.c.callID, local: i.c.local, remote: i.c.remote, localSeq: i.req.CSeq().SeqNo}
	if err := spare.confirm(res); err != nil {
		return
	}
	ack = spare.request(sip.ACK, i.req.CSeq().SeqNo)
	i.p.complete(ack)
	if err := i.p.ua.TransportLayer().WriteMsg(ack); err != nil {
		i.p.log.Debug("ACK of a second answer", "error", err)
		return
	}
	other := i.p.newCall(spare, i.c.peer)
	other.up.Store(true)
	i.p.hangUp(other, "answered elsewhere too")
}

// outcome turns the end of a call that was placed into a status for the one who asked for it.
func outcome(err error) (code int, reason string) {
	var refused *Refused
	switch {
	case err == nil:
		return sip.StatusOK, "OK"
	case errors.As(err, &refused):
		return refused.Code, refused.Reason
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return sip.StatusRequestTerminated, "Request Terminated"
	case errors.Is(err, sip.ErrTransactionTimeout):
		return sip.StatusRequestTimeout, "Request Timeout"
	default:
		return sip.StatusServiceUnavailable, "Service Unavailable"
	}
}
