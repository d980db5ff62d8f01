package daemon

import "net/netip"

// gateways tells the hosts that may take calls from us without asking who makes them: those
// of the tables dispatcher, address and trusted, as far as the script uses these. nil if it
// uses none of them, so that a script without gateways pays nothing.
func (d *Daemon) gateways() func(a netip.Addr) bool {
	return d.listed(d.modules.Calls.Dispatcher.Gateway, d.modules.Guards.Permissions.Listed)
}

// knownGateways is gateways without those that nobody knows yet where their names lead, and of
// the tables address and trusted only those that the operator trusts.
func (d *Daemon) knownGateways() func(a netip.Addr) bool {
	return d.listed(d.modules.Calls.Dispatcher.KnownGateway, d.modules.Guards.Permissions.Trusted)
}

// listed tells the hosts of the tables, of dispatcher's by gateway, of the others by permitted.
func (d *Daemon) listed(gateway func(a netip.Addr, leadsTo func(uri []byte, a netip.Addr) bool) bool, permitted func(a netip.Addr) bool) func(a netip.Addr) bool {
	gates, tables := d.modules.Calls.Dispatcher, d.modules.Guards.Permissions
	for _, m := range d.program.Modules() {
		if m == gates || m == tables {
			// Made once: a method value would be allocated for each question.
			leadsTo := func(uri []byte, a netip.Addr) bool { return d.engine.LeadsTo(uri, a) }
			return func(a netip.Addr) bool { return gateway(a, leadsTo) || permitted(a) }
		}
	}
	return nil
}
