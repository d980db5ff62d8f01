package control

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"

	"seraph/ctlproto"
)

// Dialogs is the table of the calls that are up or being set up.
type Dialogs interface {
	// List calls yield for every dialog that is not over, until yield returns false.
	List(yield func(d ctlproto.Dialog) bool)
	Active() ctlproto.DlgStatsActive
	// End hangs up what p names and waits for the phones' answers; CodeNotFound if
	// there is none.
	End(ctx context.Context, p ctlproto.DlgEndParams) (ctlproto.DlgEndResult, error)
}

// dlgList makes the reply by itself, as ulDump does.
func (s *Server) dlgList(ctx context.Context, p *params) (any, error) {
	if err := p.err(); err != nil {
		return nil, err
	}
	select {
	case s.dumps <- struct{}{}:
	case <-ctx.Done():
		return nil, ctlproto.Errorf(ctlproto.CodeBusy, "%d large replies are being sent; try again later", maxDumps)
	}
	release := func() { <-s.dumps }
	raw, err := s.dialogs(ctx)
	if err != nil {
		release()
		return nil, err
	}
	return &largeResult{raw: raw, release: release}, nil
}

func (s *Server) dialogs(ctx context.Context) (json.RawMessage, error) {
	var list []ctlproto.Dialog
	s.cfg.Dialogs.List(func(d ctlproto.Dialog) bool {
		list = append(list, d)
		return ctx.Err() == nil
	})
	slices.SortFunc(list, func(a, b ctlproto.Dialog) int {
		return cmp.Or(cmp.Compare(a.InitTS, b.InitTS), cmp.Compare(a.HID, b.HID))
	})
	out := bytes.NewBufferString("[")
	for i := range list {
		raw, err := json.Marshal(&list[i])
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return nil, err
		}
		if out.Len()+len(raw) > ctlproto.MaxReply-envelopeRoom {
			return nil, tooLarge()
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(raw)
	}
	out.WriteByte(']')
	return out.Bytes(), nil
}

func (s *Server) dlgStatsActive(_ context.Context, p *params) (any, error) {
	if err := p.err(); err != nil {
		return nil, err
	}
	return s.cfg.Dialogs.Active(), nil
}

// dlgEnd is dlg.end, and with some of its parameters Kamailio's methods.
func (s *Server) dlgEnd(ctx context.Context, p *params) (any, error) {
	end := ctlproto.DlgEndParams{
		CallID: p.line("call-id", maxText), FromTag: p.line("from_tag", maxText), ToTag: p.line("to_tag", maxText),
		HEntry: uint32(p.integer("h_entry", 0, 0, math.MaxUint32)), HID: uint32(p.integer("h_id", 0, 0, math.MaxUint32)),
		Actor: p.line("actor", maxActor),
	}
	switch {
	case p.problem != nil:
	case end.CallID == "" && end.HID == 0:
		p.wrong(p.names[0], "missing")
	case end.CallID != "" && end.HID != 0:
		p.wrong("h_id", "a dialog is named by its Call-ID or by its numbers, not by both")
	case end.CallID == "" && (end.FromTag != "" || end.ToTag != ""):
		p.wrong("call-id", "missing")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return s.cfg.Dialogs.End(ctx, end)
}
