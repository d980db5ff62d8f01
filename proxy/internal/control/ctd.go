package control

import (
	"context"
	"unicode/utf8"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// Longest texts of click-to-dial, in bytes.
const (
	maxDisplayName = 128
	maxActor       = maxAOR + len(" by seraphctl")
	maxCtdID       = 128

	// maxAOR is the longest address of record: a user may be spelt in letters of any alphabet.
	maxAOR = utf8.UTFMax*aor.MaxUser + len("@") + aor.MaxDomain
)

// ctdDial starts an attempt. A callee without a domain is in the caller's.
func (s *Server) ctdDial(ctx context.Context, p *params) (any, error) {
	caller := p.address("caller")
	callee := p.required("callee", maxText)
	dial := ctlproto.CtdDialParams{
		Caller:     caller.String(),
		CalleeName: p.line("callee_name", maxDisplayName),
		Device:     p.line("device", maxContact),
		Actor:      p.line("actor", maxActor),

		NoAutoAnswer: int(p.integer("no_auto_answer", 0, 0, 1)),
		Visitor:      int(p.integer("visitor", 0, 0, 1)),
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	var err error
	if dial.Callee, err = aor.CanonicalURI(callee, caller.Domain); err != nil {
		return nil, ctlproto.InvalidParam("callee", err.Error())
	}
	id, err := s.cfg.Ctd.Dial(ctx, dial)
	return ctlproto.CtdDialResult{ID: id}, err
}

func (s *Server) ctdStatus(_ context.Context, p *params) (any, error) {
	id := p.required("id", maxCtdID)
	if err := p.err(); err != nil {
		return nil, err
	}
	status, found := s.cfg.Ctd.Status(id)
	if !found {
		return nil, ctlproto.Errorf(ctlproto.CodeNotFound, "no click-to-dial attempt %q", shorten(id))
	}
	return status, nil
}

func (s *Server) ctdCancel(ctx context.Context, p *params) (any, error) {
	id := p.required("id", maxCtdID)
	actor := p.line("actor", maxActor)
	if err := p.err(); err != nil {
		return nil, err
	}
	return ctlproto.Done{}, s.cfg.Ctd.Cancel(ctx, id, actor)
}

// ctdList returns the attempts that are remembered: those that have not ended first, the newest first of each.
func (s *Server) ctdList(_ context.Context, p *params) (any, error) {
	caller := ""
	if p.given("caller") != nil {
		caller = p.address("caller").String()
	}
	limit := p.integer("limit", 100, 1, ctlproto.MaxCtdList)
	if err := p.err(); err != nil {
		return nil, err
	}
	return s.cfg.Ctd.List(caller, int(limit)), nil
}
