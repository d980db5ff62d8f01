package relay

import (
	"bytes"
	"errors"

	"seraph/proxy/internal/sip"
)

// What a request that goes in circles meets (RFC 3261 §16.3 step 4, RFC 5393).
var (
	ErrLoop    = errors.New("the request has passed here too often")
	ErrBreadth = errors.New("the request would be in too many places at once")
)

const (
	// maxVisits is how often a request may pass here. An alias, a forward and a
	// gateway of our own each bring one back; a circle does not end by itself, and
	// one that forks multiplies at each turn.
	maxVisits = 8
	// maxBreadth is how many branches of one request may be under way at once, over
	// all proxies on its way (RFC 5393 §5.3.3).
	maxBreadth = 60
)

const headerMaxBreadth = "Max-Breadth"

// circles reports, as ErrLoop, a request that bears our own Via too often.
func (r *Request) circles() error {
	h := r.Msg.Header(sip.HdrVia)
	if r.Msg.Next(h) == nil {
		return nil // a phone's request, fresh
	}
	visits := 0
	values := r.Msg.Values(sip.HdrVia)
	for v := values.Next(); v != nil; v = values.Next() {
		if r.Engine.wroteVia(v) {
			if visits++; visits == maxVisits {
				return ErrLoop
			}
		}
	}
	return nil
}

var viaStart = []byte("SIP/2.0/")

// wroteVia reports whether a Via value is one that this router writes.
func (e *Engine) wroteVia(v []byte) bool {
	rest, ok := bytes.CutPrefix(v, viaStart)
	if !ok {
		return false
	}
	for i := range e.sockets {
		own := e.sockets[i].Via
		if len(rest) > len(own) && rest[len(own)] == ';' && bytes.Equal(rest[:len(own)], own) {
			return true
		}
	}
	return false
}

// spread divides what Max-Breadth leaves among n branches (RFC 5393 §5.3.3.1). One
// branch alone takes the header as it came, unless that leaves none at all (§5.3.3).
func (r *Request) spread(n int) error {
	r.share = 0
	breadth := uint32(maxBreadth)
	for h := r.Msg.Named(headerMaxBreadth); h != nil; h = r.Msg.Next(h) {
		if !sip.EqualFold(r.Msg.Name(h), headerMaxBreadth) {
			continue // Next goes over all fields without a number
		}
		if given, ok := sip.ParseUint(r.Msg.Value(h), 1<<31-1); ok {
			breadth = min(breadth, given)
		}
		if n > 1 {
			r.Msg.RemoveLine(h)
		}
	}
	share := breadth / uint32(n)
	if share == 0 {
		return ErrBreadth
	}
	if n > 1 {
		r.share = share
	}
	return nil
}
