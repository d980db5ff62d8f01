package relay

import (
	"bytes"
	"slices"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// An INVITE may pass here more than once, sent back by a router that wants none of what follows and so
// writes no Record-Route: then our entries of the passes are neighbours in the Route. What has such a
// Route is not sent to ourselves, to come back from a host of our own: the entries of all passes are
// taken off at once (RFC 3261 §16.4 and §16.6 step 7 would have it pass here once for each), and it goes from
// where the first one came in to where the last one went out.

// goAlong makes the n-th entry of the Route, counted from 1, where the request goes, as LooseRoute has found
// it: within a dialog a failure route sends along the rest of the Route as the request route does.
func (r *Request) goAlong(n uint8) {
	values := r.Msg.Values(sip.HdrRoute)
	for i := uint8(1); i <= n; i++ {
		value := values.Next()
		var a sip.NameAddr
		if i == n && value != nil && sip.ParseNameAddr(value, &a) == nil {
			r.nextRoute, r.nextAt = a.URI, n
		}
	}
}

// passages are the entries of a Route that are ours, one after another.
type passages struct {
	proven  bool // one of them was given for this dialog
	open    bool // the pass that was taken last may have another entry
	passes  int
	entries int
	skipped int                   // entries that name us and are no pass
	tokens  [2 * maxVisits][]byte // of the entries, which are seldom more than two
}

// maxSkipped is how many entries that are no pass are taken off: those behind them are not looked at.
const maxSkipped = 16

// skip reports whether the next entry of ours says nothing but our address: some phones put their outbound proxy
// into every request, before the dialog's route set or behind it. It proves nothing, and leads here.
func (p *passages) skip(u *sip.URI) bool {
	_, sealed := u.Param(routeParam)
	if u.HasUser || sealed || p.skipped == maxSkipped {
		return false
	}
	p.skipped++
	return true
}

// take judges the next entry of ours, and reports whether it is taken off now: it is the first one, or the
// other one of a pass that came in by one socket and left by another (r2), or of another pass of this dialog.
func (p *passages) take(r *Request, u *sip.URI, within bool) bool {
	token, _ := u.Param(routeParam)
	if p.passes > 1 || p.passes == 1 && !p.open {
		if !p.open && (!p.proven || !within || p.passes == maxVisits) || p.before(token) || !r.passedAlso(u, p.open) {
			return false
		}
	} else {
		genuine := r.genuine(u)
		p.proven = p.proven || genuine
		if u.HasUser {
			r.takeFlow(u, genuine, within)
		}
	}
	p.tokens[p.entries] = token
	p.entries++
	if p.open {
		p.open = false
		return true
	}
	p.passes++
	_, p.open = u.Param("r2")
	return true
}

// before reports whether an earlier pass has an entry with a token: one pass is not made two by writing it
// twice. Its own two entries (r2) may have the same one: host and transport, which tell them apart, are not
// under the MAC, and so do not count here.
func (p *passages) before(token []byte) bool {
	earlier := p.tokens[:p.entries]
	if p.open {
		earlier = p.tokens[:p.entries-1]
	}
	return slices.ContainsFunc(earlier, func(x []byte) bool { return bytes.Equal(x, token) })
}

// sealLater dates a seal after those of the passes before, if it would be like one of these: where all that the
// request passes is behind one address, or an entry of ours would stand there twice. Whoever writes such
// entries himself dates it maxVisits units ahead, and no more.
func (r *Request) sealLater(seal *routeSeal) {
	units := func(t time.Time) int64 { return t.UnixNano() / int64(sealUnit) }
	at := units(seal.at)
	next := at
	values := r.Msg.Values(sip.HdrRecordRoute)
	for range 2 * maxVisits {
		var a sip.NameAddr
		var u sip.URI
		value := values.Next()
		if value == nil || sip.ParseNameAddr(value, &a) != nil || sip.ParseURI(a.URI, &u) != nil || !r.Engine.ourRoute(&u) {
			break // what follows is no neighbour of ours
		}
		x, _, ok := r.Engine.readSeal(&u, r.now())
		if n := units(x.at); ok && x.kind == seal.kind && x.ends == seal.ends && n >= next && n < at+maxVisits {
			next = n + 1
		}
	}
	if next > at {
		seal.at = time.Unix(0, next*int64(sealUnit))
	}
}

// passedAlso makes the request one that goes on along an entry of a later pass, too, if that was given for its
// dialog; other says that it is the other entry of a pass whose first one was taken. The end that
// the request comes from, and what it says of its flow, are of the first pass, the end that it goes to is of
// the last one. Of headers that were renamed in both, who gets it knows what the last one has made of them.
func (r *Request) passedAlso(u *sip.URI, other bool) bool {
	seal, initiators, names, given, own := r.seal, r.byInitiator, r.names, r.params.given, r.ownFlow
	vouched := r.vouchedFor
	if !r.genuine(u) {
		return false
	}
	far, last := 0, r.seal
	if r.byInitiator {
		far = 1
	}
	r.seal = seal
	if r.byInitiator != initiators || (seal.Kind == SealOther) != (last.Kind == SealOther) {
		r.byInitiator, r.names, r.params.given, r.vouchedFor = initiators, names, given, vouched
		return false
	}
	r.seal.ends[far] = last.ends[far]
	for h := range r.names {
		if r.names[h].sealed == nil {
			r.names[h] = names[h]
		}
	}
	switch now := r.params.given; {
	case now == nil || other || len(given)+len(now) > maxParams:
		r.params.given = given
	case given != nil:
		r.params.given = r.Keep(slices.Concat(given, now))
	}
	if !other && r.viaFlow {
		if r.Main.Flow == r.routeFlow {
			r.Main.Flow = transport.Flow{}
		}
		r.viaFlow, r.flowGone, r.routeFlow = false, false, transport.Flow{}
	}
	if u.HasUser {
		r.takeFlow(u, true, true)
	}
	r.ownFlow = own
	return true
}
