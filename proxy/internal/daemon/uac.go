package daemon

import (
	"context"
	"errors"

	"seraph/ctlproto"
	"seraph/proxy/internal/ua"
)

// uac sends the requests of the control socket by the user agent.
type uac struct{ agent *ua.Agent }

// Options implements control.Uac.
func (u uac) Options(ctx context.Context, uri string) (int, string, error) {
	answer, err := u.agent.Options(ctx, uri)
	switch {
	case errors.Is(err, ua.ErrDropped):
		err = ctlproto.Errorf(ctlproto.CodeRefused, "the routing script dropped the request")
	case errors.Is(err, ua.ErrBadAddress):
		err = ctlproto.InvalidParam("ruri", "no request can be written for this address")
	}
	return answer.Status, answer.Reason, err
}
