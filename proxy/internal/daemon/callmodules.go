package daemon

import "seraph/proxy/internal/control"

// callModules are those modules that decide where calls go and that the script loads, for
// the control socket.
func (d *Daemon) callModules() (c control.CallModules) {
	all := &d.modules.Calls
	for _, m := range d.program.Modules() {
		switch m {
		case all.Dispatcher:
			c.Dispatcher = all.Dispatcher
		case all.Speeddial:
			c.Speeddial = all.Speeddial
		case all.Userblock:
			c.Userblock = all.Userblock
		}
	}
	return c
}
