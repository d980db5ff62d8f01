package ua

import (
	"errors"
	"slices"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// leg is how the session of a dialog stands.
type leg uint8

const (
	legNew  leg = iota
	legUp       // answered and acknowledged
	legBye      // our BYE is out
	legDown     // ended by either side
)

// subscription is how the one that our REFER made stands (RFC 3515 §2.4.4).
type subscription uint8

const (
	subNone subscription = iota
	subActive
	subOver
)

// dialog is one dialog of a Call, as its UAC (RFC 3261 §12). Guarded by the
// call's mutex.
type dialog struct {
	call      *Call
	remoteTag string
	target    string         // the remote target, a URI
	routes    []string       // the route set less our own entry, as name-addr
	flow      transport.Flow // of the last message of the other end

	localSeq  uint32
	remoteSeq uint32
	seqKnown  bool // remoteSeq is set

	leg       leg
	sub       subscription
	notified  bool // a NOTIFY has come
	ackQueued bool
	lingering *time.Timer // ends the subscription after our BYE
	reply     *reinviteReply

	ack       *content   // of the 2xx to the INVITE; nil while Answer is to come
	reoffer   *reoffer   // our re-INVITE, until the next one
	forwarded *forwarded // the other end's re-INVITE that the joined call is asked about
}

// Limits on what a 2xx may make us keep.
const (
	maxRoutes    = 32
	maxRouteText = 4096 // bytes, all together
)

var errRoutes = errors.New("route set is too long or malformed")

// newDialog makes the dialog of a 2xx to our INVITE (RFC 3261 §12.1.2). A To
// without a tag is an older phone's and counts as an empty one.
func newDialog(c *Call, m *sip.Message, from transport.Flow) (*dialog, error) {
	to, err := m.To()
	if err != nil {
		return nil, err
	}
	d := &dialog{call: c, ack: &content{}, remoteTag: string(to.Tag), flow: from, localSeq: c.inviteSeq(), target: c.invite.To}
	d.refreshTarget(m)
	if d.routes, err = routeSet(m); err != nil {
		return nil, err
	}
	// A second entry of ours is a loop that the script made; it is followed.
	if len(d.routes) > 0 && ownRoute(d.routes[0], c.agent.net.Sockets()) {
		d.routes = d.routes[1:]
	}
	return d, nil
}

// refreshTarget takes the Contact of a message as the remote target, if it is one
// that can be written into a request.
func (d *dialog) refreshTarget(m *sip.Message) {
	values := m.Values(sip.HdrContact)
	var a sip.NameAddr
	if v := values.Next(); v != nil && sip.ParseNameAddr(v, &a) == nil && canWrite(string(a.URI)) {
		d.target = string(a.URI)
	}
}

// routeSet returns the Record-Route of a response in reverse order.
func routeSet(m *sip.Message) ([]string, error) {
	var routes []string
	size := 0
	values := m.Values(sip.HdrRecordRoute)
	for v := values.Next(); v != nil; v = values.Next() {
		var a sip.NameAddr
		var u sip.URI
		size += len(v)
		if len(routes) == maxRoutes || size > maxRouteText || sip.ParseNameAddr(v, &a) != nil || sip.ParseURI(a.URI, &u) != nil {
			return nil, errRoutes
		}
		routes = append(routes, string(v))
	}
	slices.Reverse(routes)
	return routes, nil
}

// ownRoute reports whether a Route names one of our sockets.
func ownRoute(route string, sockets []transport.Socket) bool {
	var a sip.NameAddr
	var u sip.URI
	if sip.ParseNameAddr([]byte(route), &a) != nil || sip.ParseURI(a.URI, &u) != nil || u.Scheme != sip.SchemeSIP || u.HasUser {
		return false
	}
	host, port := sip.Unbracket(u.Host), u.Port
	if port == 0 {
		port = 5060
	}
	return slices.ContainsFunc(sockets, func(s transport.Socket) bool {
		return s.AdvertisedPort == port && sip.EqualFold(host, s.AdvertisedHost)
	})
}

// alive reports whether something of the dialog is left.
func (d *dialog) alive() bool {
	return d.leg == legUp || d.leg == legBye || d.sub == subActive
}

// settle ends what ends with the dialog's last part.
func (d *dialog) settle() {
	if !d.alive() {
		d.stopReply()
		if d.lingering != nil {
			d.lingering.Stop()
		}
	}
	d.call.recount()
}

// acknowledge queues the ACK of the 2xx, unless one waits already.
func (d *dialog) acknowledge() {
	if d.ackQueued || d.ack == nil {
		return
	}
	d.ackQueued = true
	d.call.queue.Post(func() {
		d.call.mu.Lock()
		d.ackQueued = false
		what := *d.ack
		d.call.mu.Unlock()
		d.sendAck(d.call.inviteSeq(), what)
	})
}

// bye ends the session.
func (d *dialog) bye() {
	if d.leg != legUp {
		return
	}
	d.leg = legBye
	d.localSeq++
	seq := d.localSeq
	d.call.agent.stats.byesSent.Add(1)
	d.call.queue.Post(func() { d.send(sip.BYE, seq, content{}, d.byeDone) })
}

// byeDone takes the end of the BYE, whatever it is (RFC 3261 §15.1.1).
func (d *dialog) byeDone(answer) {
	d.call.mu.Lock()
	defer d.call.mu.Unlock()
	d.down()
}

// down ends the session, and tells it of one that is not the call.
func (d *dialog) down() {
	d.leg = legDown
	if d != d.call.main {
		d.call.tell(Event{Kind: Spare, ToTag: d.remoteTag})
	}
	d.settle()
}

// linger gives an active subscription 64·T1 to end by itself.
func (d *dialog) linger() {
	if d.sub != subActive || d.lingering != nil {
		return
	}
	d.lingering = time.AfterFunc(d.call.agent.longest(), func() {
		d.call.mu.Lock()
		defer d.call.mu.Unlock()
		d.endSubscription()
	})
}

func (d *dialog) endSubscription() {
	if d.sub == subActive {
		d.sub = subOver
		d.settle()
	}
}
