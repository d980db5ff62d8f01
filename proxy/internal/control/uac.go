package control

import (
	"context"

	"seraph/ctlproto"
)

// maxUacHeaders is the length in bytes of the headers that a caller may give.
const maxUacHeaders = 4096

// uacWait sends a request and waits for its final response. When the waiting ends
// before that, an INVITE is cancelled. Where no header names a
// sender, it is the router, and only OPTIONS can be sent.
func (s *Server) uacWait(ctx context.Context, p *params) (any, error) {
	r, err := s.wordedParams(p)
	if err != nil {
		return nil, err
	}
	if r.Headers == "" || r.Headers == "." {
		return s.uacOptions(ctx, r)
	}
	sent, err := s.cfg.Requests.Request(r)
	if err != nil {
		return nil, err
	}
	answer, err := sent.Wait(ctx)
	if err != nil {
		return nil, err
	}
	return &pendingResult{ctlproto.TmUacReply{Code: answer.Status, Text: answer.Reason}, sent.HangUp}, nil
}

// optionsMethod is SIP's, which HTTP has taken over.
const optionsMethod = "OPTIONS"

// uacOptions is uacWait with the router as the sender.
func (s *Server) uacOptions(ctx context.Context, r UacRequest) (any, error) {
	switch {
	case r.Method != optionsMethod:
		return nil, ctlproto.InvalidParam("headers", "want From and To: without them only OPTIONS can be sent")
	case r.Body != "" && r.Body != ".":
		return nil, ctlproto.InvalidParam("body", "want headers with it")
	}
	code, text, err := s.cfg.Uac.Options(ctx, r.URI)
	return ctlproto.TmUacReply{Code: code, Text: text}, err
}
