package relay

import (
	"log/slog"
	"unsafe"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// What a record takes beside itself: its texts, in bytes.
const (
	callTexts   = 256
	branchTexts = 256
)

// held is what the relay holds for transactions beside their messages, in bytes. others
// are what somebody else holds for the same calls; nil for nobody.
func (e *Engine) held(others func() int64) func() int64 {
	return func() int64 {
		n := e.calls.InUse()*int64(unsafe.Sizeof(Call{})+callTexts) +
			e.branches.InUse()*int64(unsafe.Sizeof(Branch{})+branchTexts) +
			e.cancels.InUse()*int64(unsafe.Sizeof(cancel{})) +
			e.starts.InUse()*int64(unsafe.Sizeof(beginning{}))
		if others != nil {
			n += others()
		}
		return n
	}
}

// memoryChanged tells the log that new requests are refused for want of memory, and when
// they are taken again.
func memoryChanged(log *slog.Logger, most int64) func(full bool, held int64, refused uint64) {
	return func(full bool, held int64, refused uint64) {
		if full {
			log.Warn("no memory for new requests: they get 503", "used", held, "size", most)
			return
		}
		log.Info("there is memory for new requests again", "used", held, "size", most, "refused", refused)
	}
}

// withMemory completes what transactions may hold.
func (e *Engine) withMemory(m txn.Memory) txn.Memory {
	m.Others = e.held(m.Others)
	if m.Changed == nil {
		m.Changed = memoryChanged(e.Log, m.Max)
	}
	return m
}

// full reports whether the request gets no transaction. What belongs to a dialog, above all
// what ends it, and what the router says itself get one for longer.
func (r *Request) full() bool {
	return r.Engine.txns.Full(r.InDialog || r.Local != nil)
}

// refuseFull answers a request for which there is no memory, so that no script has to. Its
// sender gets as few such answers as he gets before the script.
func (r *Request) refuseFull() {
	if r.Local != nil || r.Replied {
		return
	}
	e := r.Engine
	if !e.early.allows(e.tagSeed, r.From.Remote.Addr(), r.now()) {
		e.stats.Unanswered.Add(1)
		r.Replied = true
		return
	}
	_ = r.ReplyStateless(&sip.Reply{Status: 503, Extra: drainRetry})
}
