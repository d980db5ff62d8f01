package phone

import (
	"context"
	"fmt"

	"github.com/emiago/sipgo/sip"
)

// Call calls an address, a sip: URI, as a person would by its keys. It returns when the call is
// answered; TalkFor then ends it. A final response that is none is a *Refused. If ctx ends first,
// the call is cancelled.
func (p *Phone) Call(ctx context.Context, address string) error {
	var to sip.Uri
	if err := sip.ParseUri(address, &to); err != nil {
		return fmt.Errorf("call %q: %w", address, err)
	}
	_, err := p.place(ctx, to, nil, func(int, string) {})
	return err
}

// Message sends a text to an address, a sip: URI (RFC 3428), and returns the status of the success:
// 200 if a phone has it, 202 if somebody keeps it. Any other final response is a *Refused.
func (p *Phone) Message(ctx context.Context, address, text string) (int, error) {
	var to sip.Uri
	if err := sip.ParseUri(address, &to); err != nil {
		return 0, fmt.Errorf("message to %q: %w", address, err)
	}
	callID, tag := sip.GenerateTagN(20)+"@"+p.addr.Addr().String(), sip.GenerateTagN(12)
	var credentials sip.Header
	for attempt := 0; ; attempt++ {
		req := p.newMessage(to, callID, tag, uint32(attempt+1), text) //nolint:gosec // a handful
		if credentials != nil {
			req.AppendHeader(credentials)
		}
		p.complete(req)
		req.SetDestination(p.cfg.Router.String())
		res, err := p.do(ctx, req)
		switch {
		case err != nil:
			return 0, err
		case res.IsSuccess():
			return res.StatusCode, nil
		case !challenged(res) || attempt == maxChallenges || credentials != nil && !stale(res):
			return 0, &Refused{res.StatusCode, res.Reason}
		}
		if credentials, err = p.credentials(req, res); err != nil {
			return 0, fmt.Errorf("MESSAGE: %w", err)
		}
	}
}

// newMessage builds a MESSAGE; it has no Contact (RFC 3428 §4).
func (p *Phone) newMessage(to sip.Uri, callID, tag string, seq uint32, text string) *sip.Request {
	req := sip.NewRequest(sip.MESSAGE, to)
	from := &sip.FromHeader{DisplayName: p.cfg.Name, Address: p.aor()}
	from.Params.Add("tag", tag)
	id := sip.CallIDHeader(callID)
	for _, h := range []sip.Header{
		from, &sip.ToHeader{Address: to}, &id, &sip.CSeqHeader{SeqNo: seq, MethodName: sip.MESSAGE},
		sip.NewHeader("Content-Type", "text/plain"),
	} {
		req.AppendHeader(h)
	}
	req.SetBody([]byte(text))
	return req
}
