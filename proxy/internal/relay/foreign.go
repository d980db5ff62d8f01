package relay

import (
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// foreign tells the log, once a minute, of a response that was dropped because it repeats another
// Call-ID, From tag or CSeq number than those of the request whose branch it has (RFC 3261 §8.2.6.2). Whoever
// has got that request could have written it, to end or begin another call in the dialog table and
// the accounts than his own; and a broken phone could, whose calls then come to nothing.
func (e *Engine) foreign(m *sip.Message, from transport.Flow) {
	if e.foreignTold.Pass(e.Now(), time.Minute, 1) {
		e.Log.Warn("a response is dropped: it has another Call-ID, From tag or CSeq number than its request",
			"source", from.Remote, "status", m.Status, "call_id", sip.Printable(m.CallID()))
	}
}

// tellOverlong is that for a 2xx whose To tag is too long, see Call.overlong.
func (e *Engine) tellOverlong(m *sip.Message, from transport.Flow) {
	if e.foreignTold.Pass(e.Now(), time.Minute, 1) {
		e.Log.Warn("an answer counts as 502: its To tag is longer than is kept of calls",
			"source", from.Remote, "most", MaxTag, "call_id", sip.Printable(m.CallID()))
	}
}
