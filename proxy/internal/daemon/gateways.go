package daemon

import "net/netip"

// gateways tells the hosts that may take calls from us without asking who makes them: those
// of the tables dispatcher, address and trusted, as far as the script uses these. nil if it
// uses none of them, so that a script without gateways pays nothing.
func (d *Daemon) gateways() func(a netip.Addr) bool {
	gates, tables := d.modules.Calls.Dispatcher, d.modules.Guards.Permissions
	for _, m := range d.program.Modules() {
		if m == gates || m == tables {
			return func(a netip.Addr) bool { return gates.Gateway(a, d.engine.LeadsTo) || tables.Listed(a) }
		}
	}
	return nil
}

// knownGateways is gateways without those that nobody knows yet where their names lead.
func (d *Daemon) knownGateways() func(a netip.Addr) bool {
	gateway, known := d.gateways(), d.modules.Calls.Dispatcher.Known
	if gateway == nil {
		return nil
	}
	return func(a netip.Addr) bool { return known() && gateway(a) }
}
