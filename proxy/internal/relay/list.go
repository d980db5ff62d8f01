package relay

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// List returns the server transactions that are in the table, the oldest first, at most
// limit of them: those of one Call-ID, or all if that is empty. It is never nil. A
// transaction is locked while it is described, the table never for longer than it takes
// to copy a part of it.
func (e *Engine) List(callID string, limit int) []ctlproto.TmTransaction {
	now := e.Now()
	list := []ctlproto.TmTransaction{}
	m := &sip.Message{}
	e.txns.Each(func(x *txn.Server) {
		c, ok := x.Owner().(*Call)
		if !ok {
			return
		}
		if one, ok := c.describe(m, callID, now); ok {
			list = append(list, one)
			if len(list) >= 2*limit { // so that a large table costs no large list
				list = oldest(list, limit)
			}
		}
	})
	return oldest(list, limit)
}

func oldest(list []ctlproto.TmTransaction, limit int) []ctlproto.TmTransaction {
	slices.SortStableFunc(list, func(a, b ctlproto.TmTransaction) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.CallID, b.CallID))
	})
	return list[:min(len(list), limit)]
}

// describe tells of a transaction; m is room to read its message. False: it has ended, or
// is not of the Call-ID that is wanted.
func (c *Call) describe(m *sip.Message, callID string, now time.Time) (t ctlproto.TmTransaction, ok bool) {
	c.Lock()
	defer c.Unlock()
	state := c.server.State()
	if state == "terminated" {
		return t, false
	}
	text := c.server.LastReply()
	if c.req != nil {
		text = c.req.B
	}
	if !bytes.Contains(text, []byte(callID)) || callID != "" && text == nil {
		return t, false
	}
	t = ctlproto.TmTransaction{
		Method: c.method.String(), UASRequest: "yes", State: state, Status: c.server.Status(), Began: c.began.UTC(),
		Age: int64(max(0, now.Sub(c.began)) / time.Second), Branches: []ctlproto.TmBranch{},
	}
	if c.local != nil {
		t.UASRequest = "no"
	} else {
		t.Source = where(c.from)
	}
	defer m.Reset()
	if text != nil && m.ParseOwn(text) == nil {
		t.CallID, t.From, t.To, t.CSeq = text4(m)
	}
	if callID != "" && t.CallID != callID {
		return t, false
	}
	for _, b := range c.branches {
		t.Branches = append(t.Branches, ctlproto.TmBranch{URI: sip.Printable(b.uri), Remote: where(b.client.Flow()), State: b.client.State()})
	}
	t.Outgoings = len(t.Branches)
	return t, true
}

// text4 are the texts by which people know a message.
func text4(m *sip.Message) (callID, from, to, cseq string) {
	value := func(id sip.HeaderID) string {
		if h := m.Header(id); h != nil {
			return sip.Printable(m.Value(h))
		}
		return ""
	}
	return sip.Printable(m.CallID()), value(sip.HdrFrom), value(sip.HdrTo), value(sip.HdrCSeq)
}

// where writes the other end of a flow as "udp:192.0.2.7:5060", nothing of no flow.
func where(f transport.Flow) string {
	switch {
	case f.IsZero():
		return ""
	case f.Proto == transport.Local:
		return f.Proto.String()
	}
	return f.Proto.String() + ":" + f.Remote.String()
}
