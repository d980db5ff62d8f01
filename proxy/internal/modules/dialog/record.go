package dialog

import (
	"bytes"
	"net/netip"
	"time"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// state is how far a dialog is, in Kamailio's numbers.
type state uint8

const (
	unconfirmed state = iota + 1 // the INVITE is out
	early                        // a provisional response with a To tag has come
	unacked                      // a 2xx has come, its ACK has not
	confirmed
	deleted // over; see linger
)

// up reports whether the call is answered and not over.
func (s state) up() bool { return s == unacked || s == confirmed }

// Limits in bytes on what is kept. An INVITE with a longer Call-ID or tag, or a longer
// address of the caller, is refused, or not tracked where strict is 0.
const (
	maxCallID = 256
	maxTag    = relay.MaxTag
	maxURI    = 512
	maxRoutes = 2048 // all of one side
	maxHops   = 16
)

const (
	// maxSame bounds the dialogs that share a Call-ID.
	maxSame = 16
	// maxRinging bounds those of one branch of an INVITE that only ring: behind a phone, or another
	// router, any number may. Those that were last heard are kept.
	maxRinging = 8
)

// party is one end of a dialog.
type party struct {
	aor []byte // canonical; of the caller, proven; empty if it is none of ours
	uri []byte // of From or To, as the caller wrote it
	// shown is the same as the callee was sent it, where the script has put another one
	// there (module uac); else empty.
	shown []byte
	tag   []byte
	cseq  uint32         // of its last request; 0 before one
	flow  transport.Flow // on which the router's own requests reach it
	// home is the flow on which the INVITE came, or its first response: what comes on it
	// is this party's beyond doubt. Anybody who has been told the tags and the Route could
	// have sent the rest; moved is where the last one was who did so from somewhere else.
	home  transport.Flow
	moved netip.AddrPort

	sent  netip.Addr // of the callee, where the INVITE went
	heard bool       // it has answered a BYE, of a dialog that passes here more than once

	// Its remote target and, since a refresh may be refused, the one before; and whether
	// it named them from home.
	contact, earlier  []byte
	sure, sureEarlier bool

	events [maxTold]uint64 // hashes of the events that it has asked for, the last one first

	routes []byte // what lies between us and it: name-addrs, the nearest first
	cut    bool   // routes or contact were too long to be kept: nothing leads there
}

// dialog is one record of the table, guarded by its shard's lock.
type dialog struct {
	next           *dialog // in the bucket or the free list
	before, after  *dialog // in the queue of those that have ended
	hash           uint64
	id             uint32
	state          state
	callID         []byte
	display        []byte // of the caller, as written in From
	target         []byte // the Request-URI of the INVITE
	caller, callee party
	invite         uint32  // CSeq of the INVITE
	key            txn.Key // of its transaction
	branch         uint64  // which the To tag came by; 0 before there is one
	pass           txn.Key // of the transaction of that branch
	second         txn.Key // of the last pass of an INVITE that came back; key once that is over

	began, answered time.Time
	expires         time.Time // when it is over without a refresh
	deadline        time.Time // when something is to be done about it
	asked           time.Time // when the phones were last asked
	asking          bool
	hungUpBy        string        // who has said BYE, which is not answered yet
	ending          bool          // the router hangs up: nothing passes any more
	byes            uint8         // how many BYEs that it was sent are not answered yet
	accounted       bool          // the accounts have the BYE that ends it
	inAgent         bool          // the router's own user agent has taken or sent that BYE, which passes nowhere
	flags           uint32        // the script's, of the INVITE
	left            time.Time     // when it has sent its BYEs
	closing         bool          // the router is to hang up at deadline, whatever is agreed on meanwhile
	tries           uint8         // how often it has
	refreshed       bool          // an INVITE within it was answered, whose ACK may be on its way
	lingers         bool          // it waits, between before and after, to be forgotten
	rounds          uint8         // how often it has waited
	again           bool          // the INVITE passed here more than once, with other routers in between
	inside          bool          // the last pass was answered, and the caller does not know it yet
	alone           bool          // the first pass is over: the last one is a call by itself
	between         [2]netip.Addr // where these are
	went            [4]netip.Addr // where its first pass was sent to
	legs            []leg         // its passes, the first one before the others; nil for most calls
	moreLegs        bool          // there are more than these
	masked          bool          // what hides said when the last pass was answered
	legsHeld        int64         // bytes that the table counts for legs
	calleeFree      bool          // the callee is out of the call, which goes on: see goesOn
	owner           owner         // whose record it is
	own             bool          // it is the call of who has answered a later pass, not of who has begun the first one
	lost            time.Time     // until when an answer to its INVITE may be up that has no record and goes by the seal
	unlisted        bool          // the script does not want it tracked: it is held to its way, and that is all
	names           relay.RouteNames
	load            *relay.Load // the gateway's, of which it is a call; nil for none
	loaded          txn.Key     // the pass that has gone to that gateway
}

// put copies src into dst's memory, in steps so large that the records that are used
// again soon fit every call.
func put(dst, src []byte) []byte {
	if cap(dst) < len(src) {
		dst = make([]byte, 0, max(64, (len(src)+127)&^127))
	}
	return append(dst[:0], src...)
}

// keepRoom is the largest memory of one text, in bytes, that a free record keeps.
const keepRoom = 512

// empty keeps the memory of a text, unless that is large.
func empty(b []byte) []byte {
	if cap(b) > keepRoom {
		return nil
	}
	return b[:0]
}

// reset empties a record for its next use.
func (d *dialog) reset() {
	*d = dialog{
		callID: empty(d.callID), display: empty(d.display), target: empty(d.target),
		caller: d.caller.emptied(), callee: d.callee.emptied(),
	}
}

func (p *party) emptied() party {
	return party{
		aor: empty(p.aor), uri: empty(p.uri), shown: empty(p.shown), tag: empty(p.tag),
		contact: empty(p.contact), earlier: empty(p.earlier), routes: empty(p.routes),
	}
}

// anew makes a dialog that only rings that of another To tag. The callee is who was called, and
// nothing else is known of him.
func (d *dialog) anew() *dialog {
	p := d.callee
	d.callee = p.emptied()
	d.callee.uri, d.callee.aor = p.uri, p.aor
	d.branch, d.pass, d.inside = 0, txn.Key{}, false
	d.caller.cseq = d.invite // the other one's was told the rest
	d.forgetAnswers()
	return d
}

// show notes the address that the callee has for a party.
func (p *party) show(uri []byte) {
	p.shown = p.shown[:0]
	if !bytes.Equal(uri, p.uri) && len(uri) <= maxURI {
		p.shown = put(p.shown, uri)
	}
}

// known is the address that the callee, or the caller, has for a party.
func (p *party) known(toCallee bool) string {
	if toCallee && len(p.shown) > 0 {
		return string(p.shown)
	}
	return string(p.uri)
}

// copyFrom makes a party that of another dialog of the same INVITE.
func (p *party) copyFrom(o *party) {
	p.aor, p.uri, p.tag = put(p.aor, o.aor), put(p.uri, o.uri), put(p.tag, o.tag)
	p.contact, p.earlier, p.routes = put(p.contact, o.contact), put(p.earlier, o.earlier), put(p.routes, o.routes)
	p.cseq, p.flow, p.home, p.moved, p.cut = o.cseq, o.flow, o.home, o.moved, o.cut
	p.sure, p.sureEarlier = o.sure, o.sureEarlier
}

// meet takes the target that a party names in Contact; sure says that it is the party.
func (p *party) meet(m *sip.Message, sure bool) {
	values := m.Values(sip.HdrContact)
	value := values.Next()
	var a sip.NameAddr
	if value == nil || sip.ParseNameAddr(value, &a) != nil {
		return
	}
	if len(a.URI) > maxURI {
		p.cut = true
		return
	}
	if bytes.Equal(p.contact, a.URI) {
		p.sure = p.sure || sure
		return
	}
	p.earlier, p.contact = p.contact, p.earlier
	p.sureEarlier, p.sure = p.sure, sure
	p.contact = put(p.contact, a.URI)
}

// along keeps a route set that is in the order of the message.
func (p *party) along(m *sip.Message) {
	p.routes = p.routes[:0]
	hops := 0
	for values := m.Values(sip.HdrRecordRoute); ; hops++ {
		value := values.Next()
		if value == nil {
			return
		}
		p.hop(value, hops)
	}
}

// beyond keeps the route set of who sent a response: what was entered after our own
// entries, the last one first (RFC 3261 §12.1.2).
func (p *party) beyond(m *sip.Message, ours func([]byte) bool) {
	p.routes = p.routes[:0]
	var list [maxHops][]byte
	n := 0
	values := m.Values(sip.HdrRecordRoute)
	for value := values.Next(); value != nil && !ours(value); value = values.Next() {
		if n == maxHops {
			p.cut = true
			return
		}
		list[n] = value
		n++
	}
	for i := range n {
		p.hop(list[n-1-i], i)
	}
}

// hop appends one entry.
func (p *party) hop(value []byte, n int) {
	if n >= maxHops || len(p.routes)+len(value)+2 > maxRoutes {
		p.cut = true
		return
	}
	if need := len(p.routes) + len(value) + 2; cap(p.routes) < need {
		bigger := make([]byte, len(p.routes), (need+255)&^255)
		copy(bigger, p.routes)
		p.routes = bigger
	}
	if len(p.routes) > 0 {
		p.routes = append(p.routes, ", "...)
	}
	p.routes = append(p.routes, value...)
}
