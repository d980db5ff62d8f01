package msilo

import (
	"context"
	"errors"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/ua"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// sendTimeout bounds im.send; a caller waits ctlproto.DefaultSendTimeout.
const sendTimeout = ctlproto.DefaultSendTimeout - 2*time.Second

// List implements control.Silo.
func (m *Module) List(ctx context.Context, owner aor.AOR, limit, offset int) (ctlproto.MsiloListResult, error) {
	var r ctlproto.MsiloListResult
	list, _, err := m.cfg.Silo.List(ctx, owner, store.SiloQuery{Limit: limit, Offset: offset})
	if err == nil {
		r.Total, r.Unread, err = m.cfg.Silo.Count(ctx, owner)
	}
	if err != nil {
		return r, databaseError(err)
	}
	r.Messages = make([]ctlproto.MsiloMessage, len(list))
	for i, s := range list {
		r.Messages[i] = ctlproto.MsiloMessage{
			ID: s.ID, From: s.From, FromName: s.FromName, To: s.To, Received: s.Received, Expires: s.Expires,
			ContentType: s.ContentType, Body: s.Body, CallID: s.CallID, Read: s.Read,
			Attempts: s.Attempts, LastCode: s.LastCode, Refused: s.Refused,
		}
	}
	return r, nil
}

// Remove implements control.Silo.
func (m *Module) Remove(ctx context.Context, owner aor.AOR, ids []int64) (int, error) {
	n, err := m.cfg.Silo.Delete(ctx, owner, ids...)
	if err != nil {
		return 0, databaseError(err)
	}
	if n > 0 {
		m.news.add(owner)
	}
	return n, nil
}

// MarkRead implements control.Silo.
func (m *Module) MarkRead(ctx context.Context, owner aor.AOR, ids []int64) (int, error) {
	n, err := m.cfg.Silo.MarkRead(ctx, owner, ids...)
	if err != nil {
		return 0, databaseError(err)
	}
	if n > 0 {
		m.news.add(owner)
	}
	return n, nil
}

// Dump implements control.Silo.
func (m *Module) Dump(ctx context.Context, owner aor.AOR) (int, error) {
	if m.reachable(owner) == 0 {
		return 0, ctlproto.Errorf(ctlproto.CodeRefused, "%s has no phone registered that takes messages", owner)
	}
	n, err := m.cfg.Silo.CountPending(ctx, owner)
	if err != nil {
		return 0, databaseError(err)
	}
	if n > 0 {
		m.dumps.start(owner)
	}
	return n, nil
}

func databaseError(err error) error {
	if store.IsUnavailable(err) {
		return ctlproto.Errorf(ctlproto.CodeUnavailable, "the database is away: stored messages cannot be reached")
	}
	return err
}

// Send implements control.Messages.
func (m *Module) Send(ctx context.Context, p ctlproto.ImSendParams) (ctlproto.ImSendResult, error) {
	from, err := aor.Parse(p.From, "")
	if err != nil {
		return ctlproto.ImSendResult{}, ctlproto.InvalidParam("from", err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	msg := ua.Message{
		To: p.To, From: from.URI(), User: from.User, Domain: from.Domain, CallID: ua.NewCallID(),
		ContentType: imType, Body: []byte(p.Text), Limit: ua.MaxMessage,
	}
	answer, err := m.cfg.Sender.Message(ctx, msg)
	m.cfg.Log.Info("msilo: message sent", "actor", p.Actor, "from", p.From, "to", p.To, "status", answer.Status, "error", err, "call_id", msg.CallID)
	switch {
	case errors.Is(err, ua.ErrMessageTooLarge):
		return ctlproto.ImSendResult{}, ctlproto.InvalidParam("text", "does not fit one message: with its headers it has more than 1300 bytes")
	case errors.Is(err, ua.ErrBadAddress):
		return ctlproto.ImSendResult{}, ctlproto.InvalidParam("to", "no address that a message can be sent to")
	case errors.Is(err, context.DeadlineExceeded):
		return ctlproto.ImSendResult{Result: ctlproto.ImFailed, Code: 408, Reason: "No answer in time"}, nil
	case errors.Is(err, ua.ErrDropped):
		return ctlproto.ImSendResult{Result: ctlproto.ImFailed, Code: 500, Reason: "The routing script dropped the message"}, nil
	case err != nil:
		return ctlproto.ImSendResult{}, err
	}
	return ctlproto.ImSendResult{Result: outcome(answer.Status), Code: answer.Status, Reason: answer.Reason}, nil
}

// imType is the Content-Type of what people write in the portal.
const imType = "text/plain;charset=UTF-8"

// outcome reads a final status: 202 says that somebody, perhaps this router, keeps the
// message (RFC 3428 §7).
func outcome(status int) ctlproto.ImOutcome {
	switch {
	case status == 202:
		return ctlproto.ImStored
	case status/100 == 2:
		return ctlproto.ImDelivered
	}
	return ctlproto.ImFailed
}
