package control

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// usualMessages is how many messages a list has that is not told otherwise.
const usualMessages = 50

// imSend sends a message in the name of a user of ours. A recipient without a domain is in the sender's.
func (s *Server) imSend(ctx context.Context, p *params) (any, error) {
	from := p.address("from")
	to := p.required("to", maxText)
	message := ctlproto.ImSendParams{
		From:  from.String(),
		Text:  p.message("text", ctlproto.MaxImText),
		Actor: p.line("actor", maxActor),
	}
	if s.cfg.Local != nil && p.err() == nil && !s.cfg.Local(from.Domain) {
		p.wrong("from", "its domain is none of ours")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	var err error
	if message.To, err = aor.CanonicalURI(to, from.Domain); err != nil {
		return nil, ctlproto.InvalidParam("to", err.Error())
	}
	if strings.HasPrefix(message.To, "tel:") {
		return nil, ctlproto.InvalidParam("to", "want a sip address: a tel address takes no messages")
	}
	if s.cfg.Enabled != nil {
		switch ok, err := s.cfg.Enabled(ctx, from); {
		case err != nil:
			return nil, err
		case !ok:
			return nil, ctlproto.InvalidParam("from", "there is no such user, or the account is disabled")
		}
	}
	return s.cfg.Messages.Send(ctx, message)
}

// message reads a required text of several lines.
func (p *params) message(name string, limit int) string {
	text := p.text(name, limit)
	if text == "" {
		p.wrong(name, "missing")
	}
	i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\r' && r != '\n' })
	if i >= 0 {
		p.wrong(name, fmt.Sprintf("control character at byte %d", i))
	}
	return text
}

func (s *Server) msiloList(ctx context.Context, p *params) (any, error) {
	owner := p.address("owner")
	limit := p.integer("limit", 0, 0, ctlproto.MaxMessages)
	offset := p.integer("offset", 0, 0, math.MaxInt32)
	if err := p.err(); err != nil {
		return nil, err
	}
	if limit == 0 {
		limit = usualMessages
	}
	list, err := s.cfg.Silo.List(ctx, owner, int(limit), int(offset))
	if list.Messages == nil {
		list.Messages = []ctlproto.MsiloMessage{} // [] on the wire, not null
	}
	return list, err
}

func (s *Server) msiloRm(ctx context.Context, p *params) (any, error) {
	owner := p.address("owner")
	ids := p.ids("ids", ctlproto.MaxMessageIDs)
	if err := p.err(); err != nil {
		return nil, err
	}
	removed, err := s.cfg.Silo.Remove(ctx, owner, ids)
	if err == nil && removed == 0 {
		err = ctlproto.Errorf(ctlproto.CodeNotFound, "none of these messages is stored for %s", shorten(owner.String()))
	}
	return ctlproto.MsiloRmResult{Removed: removed}, err
}

func (s *Server) msiloRead(ctx context.Context, p *params) (any, error) {
	owner := p.address("owner")
	ids := p.ids("ids", ctlproto.MaxMessageIDs)
	if err := p.err(); err != nil {
		return nil, err
	}
	read, err := s.cfg.Silo.MarkRead(ctx, owner, ids)
	return ctlproto.MsiloReadResult{Read: read}, err
}

// ids reads a list of at least one id.
func (p *params) ids(name string, most int) []int64 {
	texts := p.list(name, most)
	if len(texts) == 0 {
		p.wrong(name, "missing")
	}
	ids := make([]int64, 0, len(texts))
	for i, text := range texts {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			p.wrongElement(name, i, "want the number of a message")
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

func (s *Server) msiloDump(ctx context.Context, p *params) (any, error) {
	owner := p.address("owner")
	if err := p.err(); err != nil {
		return nil, err
	}
	pending, err := s.cfg.Silo.Dump(ctx, owner)
	return ctlproto.MsiloDumpResult{Pending: pending}, err
}
