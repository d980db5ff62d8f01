package dialog

import (
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// text copies what a stranger wrote as printable text.
func text(b []byte) string { return sip.Printable(b) }

// Active counts the dialogs by state.
func (m *Module) Active() ctlproto.DlgStatsActive {
	var n [deleted + 1]int
	for i := range m.table.shards {
		s := &m.table.shards[i]
		s.mu.Lock()
		for state, count := range s.counts {
			n[state] += count
		}
		s.mu.Unlock()
	}
	a := ctlproto.DlgStatsActive{Starting: n[unconfirmed], Connecting: n[early], Answering: n[unacked], Ongoing: n[confirmed]}
	a.All = a.Starting + a.Connecting + a.Answering + a.Ongoing
	return a
}

// List calls yield for every dialog that is not over, until yield returns false. It holds
// no lock meanwhile.
func (m *Module) List(yield func(d ctlproto.Dialog) bool) {
	for i := range m.table.shards {
		for _, d := range m.listShard(i) {
			if !yield(d) {
				return
			}
		}
	}
}

func (m *Module) listShard(i int) []ctlproto.Dialog {
	s := &m.table.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []ctlproto.Dialog
	for _, head := range s.buckets {
		for d := head; d != nil; d = d.next {
			if d.state != deleted && !d.unlisted {
				list = append(list, m.describe(d))
			}
		}
	}
	return list
}

// entry is Kamailio's h_entry: with h_id it names a dialog.
func (m *Module) entry(hash uint64) uint32 {
	buckets := uint64(len(m.table.shards[0].buckets))
	return uint32(hash%shards*buckets&0xffffffff) + uint32(hash/shards%buckets)
}

func (m *Module) describe(d *dialog) ctlproto.Dialog {
	x := ctlproto.Dialog{
		HEntry: m.entry(d.hash), HID: d.id, CallID: text(d.callID), FromURI: text(d.caller.uri), ToURI: text(d.callee.uri),
		State: int(d.state), InitTS: d.began.Unix(), Timeout: d.deadline.Unix(), Lifetime: int64(m.set.defaultTimeout / time.Second),
		Caller: m.describeParty(&d.caller), Callee: m.describeParty(&d.callee),
	}
	if d.state.up() {
		x.StartTS = d.answered.Unix()
		x.Timeout = d.expires.Unix()
		x.Lifetime = int64(d.expires.Sub(d.answered) / time.Second)
	}
	return x
}

func (m *Module) describeParty(p *party) ctlproto.DialogParty {
	x := ctlproto.DialogParty{
		AoR: text(p.aor), Tag: text(p.tag), Contact: text(p.contact), CSeq: p.cseq, RouteSet: text(p.routes),
	}
	if p.flow.IsZero() || m.cfg.Sockets == nil {
		return x
	}
	if p.flow.Proto == transport.Local { // the router's own end of a call
		x.Remote = p.flow.Proto.String()
		return x
	}
	x.Remote = p.flow.Proto.String() + ":" + p.flow.Remote.String()
	if sockets := m.cfg.Sockets(); int(p.flow.Socket) < len(sockets) {
		x.Socket = sockets[p.flow.Socket].Name
	}
	return x
}
