package relay

import (
	"errors"
	"fmt"
	"net/netip"

	"seraph/proxy/internal/transport"
)

// ErrNotConnected says that a request was to open no connection (ForwardNoConnect), and that none
// leads to its target.
var ErrNotConnected = fmt.Errorf("no connection to the target: %w", transport.ErrFlowGone)

// ReplyNoConnect has the replies to the request sent only over connections that are there (SER's
// set_reply_no_connect): one whose own connection has closed is lost. In a reply route it is said of
// the transaction of the response, or of the response where that has none.
func (r *Request) ReplyNoConnect() {
	r.noConnectBack = true
	r.tellCall(func(c *Call) { c.noConnectBack = true })
}

// ForwardNoConnect has the request sent on only over connections that are there, or by UDP (SER's
// set_forward_no_connect): a place to which none leads is passed over. It is said of all branches, those
// of failure routes too. In a reply route nothing is sent on, and nothing changes.
func (r *Request) ForwardNoConnect() {
	if r.route == inReply {
		return
	}
	r.noConnect = true
	r.tellCall(func(c *Call) { c.noConnect = true })
}

// tellCall tells the request's transaction, where it has one by now. In a reply route that is
// locked.
func (r *Request) tellCall(tell func(c *Call)) {
	r.ofCall(func(c *Call) bool {
		tell(c)
		return true
	})
}

// flowTo is a way to a place: the transport's FlowToDomain, or, where nothing is to be opened, by
// what is there.
func (e *Engine) flowTo(proto transport.Proto, to netip.AddrPort, socket uint16, domain string, noConnect bool) (transport.Flow, error) {
	if !noConnect {
		return e.layer.FlowToDomain(proto, to, socket, domain)
	}
	f, err := e.layer.FlowIfOpen(proto, to, socket, domain)
	if errors.Is(err, transport.ErrFlowGone) {
		err = ErrNotConnected
	}
	return f, err
}
