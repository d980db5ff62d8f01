package control

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// serDialog is t_uac_dlg: a request in the caller's own words, within a dialog that an
// earlier one made or outside any. The reply has, below the status line, the remote
// target, the next hop, the route set and the response's headers, "." for what is
// missing. When the waiting ends before that, an INVITE is cancelled.
func (f *FIFO) serDialog(ctx context.Context, from caller, q fifoRequest) (serReply, error) {
	r := UacRequest{Method: q.args[0], URI: q.args[1], Headers: q.headers, Body: q.body}
	if err := f.server.sendable(&r, q.args[2], "."); err != nil {
		return serReply{}, err
	}
	ctx, end, err := f.server.wait(ctx, from)
	if err != nil {
		return serReply{}, err
	}
	defer end()
	sent, err := f.server.cfg.Requests.Request(r)
	if err != nil {
		return serReply{}, err
	}
	answer, err := sent.Wait(ctx)
	if err != nil {
		return serReply{}, err
	}
	target, route := ".", "."
	if answer.Target != "" {
		target = answer.Target
	}
	if len(answer.Routes) > 0 {
		route = "Route: " + strings.Join(answer.Routes, ", ")
	}
	return serReply{code: answer.Status, reason: printable(answer.Reason), hangUp: sent.HangUp,
		text: target + "\n" + target + "\n" + route + "\n" + strings.ReplaceAll(answer.Headers, "\r\n", "\n")}, nil
}

// sendable completes a request that a script has worded and refuses what cannot be
// meant: requests go where the routing script sends them, so a next hop or a socket
// other than "." is an error instead of silently another way.
func (s *Server) sendable(r *UacRequest, nextHop, socket string) error {
	if s.cfg.Requests == nil {
		return unavailable("tm")
	}
	r.URI = strings.TrimSpace(r.URI)
	for name, value := range map[string]string{"nexthop": strings.TrimSpace(nextHop), "socket": strings.TrimSpace(socket)} {
		if value != "" && value != "." && !strings.EqualFold(value, r.URI) {
			return ctlproto.InvalidParam(name, fmt.Sprintf("want %q: requests go where the routing script sends them", "."))
		}
	}
	uri, err := orDomains(aor.CanonicalTarget, r.URI, s.domains())
	if err != nil {
		return ctlproto.InvalidParam("ruri", err.Error())
	}
	if strings.HasPrefix(uri, "tel:") {
		return ctlproto.InvalidParam("ruri", "want a sip address")
	}
	r.URI = uri
	// "!!" is the router's own address: SER's scripts did not know it.
	r.Headers = strings.ReplaceAll(r.Headers, "!!", s.cfg.Requests.HostPort())
	return nil
}

// serCancel is t_uac_cancel.
func (f *FIFO) serCancel(_ context.Context, a []string) (serReply, error) {
	if f.server.cfg.Requests == nil {
		return serReply{}, unavailable("tm")
	}
	seq, err := strconv.ParseUint(strings.TrimSpace(a[1]), 10, 31)
	if err != nil {
		return serReply{}, ctlproto.InvalidParam("cseq", "want a number")
	}
	if !f.server.cfg.Requests.CancelRequest(strings.TrimSpace(a[0]), uint32(seq)) {
		return serReply{code: 481, reason: "No such transaction"}, nil
	}
	return serReply{reason: "ok"}, nil
}

// uacStart is tm.t_uac_start: the request goes out, its end is not waited for.
func (s *Server) uacStart(_ context.Context, p *params) (any, error) {
	r, err := s.wordedParams(p)
	if err != nil {
		return nil, err
	}
	_, err = s.cfg.Requests.Request(r)
	return struct{}{}, err
}

// wordedParams reads the parameters that Kamailio's tm.t_uac_* share.
func (s *Server) wordedParams(p *params) (UacRequest, error) {
	r := UacRequest{
		Method: p.required("method", 32), URI: p.required("ruri", maxText),
		Headers: p.text("headers", maxUacHeaders), Body: p.text("body", maxUacHeaders),
	}
	next, socket := p.text("nexthop", maxText), p.text("socket", maxText)
	if err := p.err(); err != nil {
		return r, err
	}
	return r, s.sendable(&r, next, socket)
}
