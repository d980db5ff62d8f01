package daemon

import "seraph/proxy/internal/control"

// guards are the guarding modules that the script loads, for the control socket.
func (d *Daemon) guards() (g control.Guards) {
	all := &d.modules.Guards
	for _, m := range d.program.Modules() {
		switch m {
		case all.Pike:
			g.Pike = all.Pike
		case all.Htable:
			g.Htable = all.Htable
		case all.Ratelimit:
			g.Ratelimit = all.Ratelimit
		case all.Permissions:
			g.Permissions = all.Permissions
		}
	}
	return g
}
