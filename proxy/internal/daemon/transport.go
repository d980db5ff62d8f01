package daemon

import (
	"context"
	"errors"
	"fmt"

	"seraph/proxy/internal/control"
	"seraph/proxy/internal/script"
	"seraph/proxy/internal/transport"
)

// transportConfig is the setting of the sockets and connections.
func (d *Daemon) transportConfig(listen []transport.Listen) transport.Config {
	g := d.program.Globals()
	return transport.Config{
		Listen: listen, UDPWorkers: g.UDPWorkers, Malformed: d.engine.RefuseStream, MaxWaiters: maxWaiters,
		TLS: d.modules.TLS, HandshakeTimeout: d.modules.TLS.HandshakeTimeout(),
		Origins: d.modules.WebSocket.Origins(), PingInterval: d.modules.WebSocket.Keepalive(),
		MaxConns: d.connections(len(listen)), ConnectTimeout: g.Streams.ConnectTimeout,
		WriteTimeout: g.Streams.SendTimeout, IdleTimeout: g.Streams.Lifetime,
		MaxConnsPerSource: g.Streams.MaxPerSource, MaxHandshakesPerSource: d.modules.TLS.HandshakesPerSource(),
		StrangerTimeout: g.Streams.StrangerLifetime, Trusted: d.modules.Guards.Permissions.Trusted, Gateway: d.knownGateways(), Needed: d.flows,
		Bound: d.bound(), MaxProven: d.provenConnections(),
	}
}

// bound tells the flows that the bindings name, nil where they are bound elsewhere.
func (d *Daemon) bound() func(yield func(transport.Flow)) {
	if !d.registers() {
		return nil
	}
	return d.modules.Usrloc.Table().Flows
}

// registers reports whether the script has a registrar.
func (d *Daemon) registers() bool { return loads(d.program, d.modules.Registrar.Name()) }

// provenConnections is over how many connections one user stays proven, if the script does not say so: 32,
// or twice as many as he may have contacts, since a phone that has lost its connection leaves a dead one
// behind. What the registrar behind an edge allows is not known there, so that it is 128.
func (d *Daemon) provenConnections() int {
	const least, edge, unbounded = 32, 128, 2000
	contacts := d.modules.Registrar.MaxContacts()
	switch set := d.program.Globals().Streams.MaxPerUser; {
	case set != 0:
		return set
	case !d.registers():
		return edge
	case contacts == 0:
		return unbounded
	}
	return max(least, 2*contacts)
}

// phones is the location table of the control socket: whose phones are taken off has to prove
// anew who he is, over each connection.
type phones struct {
	control.Usrloc
	layer *transport.Layer
}

// Remove implements control.Usrloc.
func (p phones) Remove(ctx context.Context, address string) (bool, error) {
	found, err := p.Usrloc.Remove(ctx, address)
	p.layer.Disprove([]byte(address))
	return found, err
}

// flows yields the flows that dialogs and transactions go by.
func (d *Daemon) flows(yield func(transport.Flow)) {
	d.modules.Dialog.Flows(yield)
	d.engine.Table().Flows(yield)
}

// adoptTLS hands SER's settings of TLS to the module, which checks them.
func (d *Daemon) adoptTLS(g *script.Globals) error {
	var all error
	for key, value := range g.TLS {
		if err := d.modules.TLS.Set(key, value); err != nil {
			all = errors.Join(all, fmt.Errorf("tls setting: %w", err))
		}
	}
	return all
}
