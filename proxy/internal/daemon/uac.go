package daemon

import (
	"context"
	"errors"
	"strings"

	"seraph/ctlproto"
	"seraph/proxy/internal/control"
	"seraph/proxy/internal/ua"
)

// uac sends the requests of the control socket by the user agent.
type uac struct{ agent *ua.Agent }

// Options implements control.Uac.
func (u uac) Options(ctx context.Context, uri string) (int, string, error) {
	answer, err := u.agent.Options(ctx, uri)
	return answer.Status, answer.Reason, u.refusal(err)
}

// Request implements control.Requests. Who sends it is the router, whatever From says:
// whoever may speak to the control socket is an operator.
func (u uac) Request(r control.UacRequest) (control.UacPending, error) {
	sent, err := u.agent.Request(ua.Worded{Method: r.Method, URI: r.URI, Headers: r.Headers, Body: []byte(dotless(r.Body))})
	if err != nil {
		return nil, u.refusal(err)
	}
	return pending{sent}, nil
}

// pending implements control.UacPending; HangUp is the agent's.
type pending struct{ *ua.Requested }

// Wait implements control.UacPending.
func (p pending) Wait(ctx context.Context) (control.UacReply, error) {
	answer, err := p.Requested.Wait(ctx)
	return control.UacReply(answer), err
}

// dotless is a body; one dot is Kamailio's way to say that there is none.
func dotless(body string) string {
	if body == "." {
		return ""
	}
	return body
}

func (u uac) refusal(err error) error {
	switch {
	case errors.Is(err, ua.ErrDropped):
		return ctlproto.Errorf(ctlproto.CodeRefused, "the routing script dropped the request")
	case errors.Is(err, ua.ErrBadAddress):
		return ctlproto.InvalidParam("ruri", "no request can be written for this address")
	case errors.Is(err, ua.ErrBadHeaders):
		return ctlproto.InvalidParam("headers", strings.ReplaceAll(err.Error(), "\n", " "))
	case errors.Is(err, ua.ErrNoDialog):
		return ctlproto.Errorf(ctlproto.CodeNotFound, "%v", err)
	case errors.Is(err, ua.ErrUsed), errors.Is(err, ua.ErrLimit), errors.Is(err, ua.ErrClosed):
		return ctlproto.Errorf(ctlproto.CodeBusy, "%v", err)
	}
	return err
}

// CancelRequest implements control.Requests.
func (u uac) CancelRequest(callID string, seq uint32) bool { return u.agent.CancelRequest(callID, seq) }

// HostPort implements control.Requests.
func (u uac) HostPort() string { return u.agent.HostPort() }
