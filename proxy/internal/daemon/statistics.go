package daemon

import (
	"runtime"
	"sync/atomic"

	"seraph/ctlproto"
	"seraph/proxy/internal/relay"
)

// counters are the relay's numbers in Kamailio's shapes.
type counters struct{ *relay.Engine }

// TmStats implements control.Tm.
func (c counters) TmStats() ctlproto.TmStats {
	s := c.Counters()
	current := c.Transactions()
	total := int64(s.Total.Load())
	class := func(n int) int64 { return int64(s.Class[n].Load()) }
	return ctlproto.TmStats{
		Current: current, Total: total, TotalLocal: int64(s.Local.Load()),
		RplReceived: int64(s.Replies.Load()), RplGenerated: int64(s.LocalReplies.Load()), RplSent: finals(&s.Class),
		Class6xx: class(6), Class5xx: class(5), Class4xx: class(4), Class3xx: class(3), Class2xx: class(2),
		Created: total, Freed: total - current,
	}
}

// TmList implements control.Tm.
func (c counters) TmList(callID string, limit int) []ctlproto.TmTransaction {
	return c.List(callID, limit)
}

func finals(class *[7]atomic.Uint64) int64 {
	var n int64
	for i := range class {
		n += int64(class[i].Load())
	}
	return n
}

// SlStats implements control.Sl. The relay counts by class.
func (c counters) SlStats() ctlproto.SlStats {
	s := &c.Counters().Stateless
	class := func(n int) int64 { return int64(s[n].Load()) }
	return ctlproto.SlStats{Class2xx: class(2), Class3xx: class(3), Class4xx: class(4), Class5xx: class(5), Class6xx: class(6)}
}

// statistics calls yield for every statistic of the proxy.
func (d *Daemon) statistics(yield func(group, name string, value int64)) {
	c := counters{d.engine}
	d.coreStatistics(yield)
	d.memoryStatistics(yield)
	if d.cfg.LogLost != nil {
		yield("core", "log_lines_lost", int64(d.cfg.LogLost()))
	}
	tm := c.TmStats()
	for name, n := range map[string]int64{
		"current": tm.Current, "total": tm.Total, "total_local": tm.TotalLocal, "rpl_received": tm.RplReceived,
		"rpl_sent": tm.RplSent, "6xx": tm.Class6xx, "5xx": tm.Class5xx, "4xx": tm.Class4xx, "3xx": tm.Class3xx, "2xx": tm.Class2xx,
		// What Kamailio's tools ask for by name.
		"UAS_transactions": tm.Total - tm.TotalLocal, "UAC_transactions": tm.TotalLocal,
		"active_transactions": tm.Current, "inuse_transactions": tm.Current, "rpl_generated": tm.RplGenerated,
	} {
		yield("tm", name, n)
	}
	sl := c.SlStats()
	for name, n := range map[string]int64{
		"2xx": sl.Class2xx, "3xx": sl.Class3xx, "4xx": sl.Class4xx, "5xx": sl.Class5xx, "6xx": sl.Class6xx,
	} {
		yield("sl", name, n)
	}
	failed := sl.Class3xx + sl.Class4xx + sl.Class5xx + sl.Class6xx
	yield("sl", "sent_replies", sl.Class2xx+failed)
	yield("sl", "sent_err_replies", failed)
	d.modules.Usrloc.Statistics(yield)
	d.modules.Registrar.Statistics(yield)
	d.modules.Auth.Statistics(yield)
	d.agent.Statistics(yield)
	d.modules.Ctd.Statistics(yield)
	d.modules.Acc.Statistics(yield)
	d.modules.Msilo.Statistics(yield)
	d.modules.Guards.Statistics(yield)
	d.modules.Calls.Statistics(yield)
	d.modules.Dialog.Statistics(yield)
	d.modules.Nathelper.Statistics(yield)
	d.resolver.Statistics(yield)
}

// coreStatistics are those of messages, sockets and memory.
func (d *Daemon) coreStatistics(yield func(group, name string, value int64)) {
	s, t := d.engine.Counters(), d.layer.Stats()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	for name, n := range map[string]uint64{
		"rcv_messages": s.Received.Load(), "rcv_requests": less(s.Received.Load(), s.Replies.Load()), "rcv_replies": s.Replies.Load(), "bad_messages": s.Malformed.Load(),
		"fwd_requests": s.Relayed.Load(), "fwd_replies": less(s.Sent.Load(), s.LocalReplies.Load()), "stray_replies": s.StrayReplies.Load(), "absorbed": s.AbsorbedRetry.Load(),
		"unanswered":   s.Unanswered.Load(),
		"udp_received": t.UDPReceived, "udp_sent": t.UDPSent, "udp_dropped": t.UDPDropped,
		"stream_received": t.StreamReceived, "stream_sent": t.StreamSent, "stream_dropped": t.StreamDropped,
		"connections": uint64(t.Conns), "connections_own": uint64(t.ConnsOwn), "connections_refused": t.ConnsRefused, "connections_replaced": t.ConnsReplaced, "waiters": uint64(t.Waiters),
		"handshakes": t.Handshakes, "handshakes_failed": t.HandshakesFailed,
		"stun_answered": t.StunAnswered, "stun_dropped": t.StunDropped,
		"heap_objects": mem.Mallocs - mem.Frees, "mallocs": mem.Mallocs, "heap_bytes": mem.HeapAlloc,
		"goroutines": uint64(runtime.NumGoroutine()),
	} {
		yield("core", name, int64(n))
	}
	// Kamailio's names for memory, which no process shares here.
	yield("shmem", "total_size", int64(mem.Sys))
	yield("shmem", "used_size", int64(mem.HeapAlloc))
	yield("shmem", "real_used_size", int64(mem.HeapInuse))
	yield("shmem", "free_size", int64(mem.HeapIdle-mem.HeapReleased))
}

// less is a-b of two counters that are read one after the other.
func less(a, b uint64) uint64 { return a - min(a, b) }
