package daemon

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"strings"

	"seraph/ctlproto"
	"seraph/proxy/internal/control"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// controlConfig binds the control socket's methods to the parts of the proxy.
func (d *Daemon) controlConfig() control.Config {
	cfg := control.Config{
		Log: d.log, Name: Name, Version: d.cfg.Version, Info: buildInfo(d.cfg.Version),
		Local:  func(domain string) bool { return d.modules.Domain.Local([]byte(domain)) },
		Usrloc: phones{d.modules.Usrloc.Control(), d.layer}, Statistics: control.StatisticsFunc(d.statistics),
		Tm: counters{d.engine}, Sl: counters{d.engine}, Uac: uac{d.agent}, Requests: uac{d.agent},
		Presence: &presence{
			local: d.modules.Domain.Local, alias: d.modules.Alias.Resolve, online: d.modules.Usrloc.Table().Online, busy: d.modules.Dialog.Busy,
		},
		Messages: d.modules.Msilo, Script: control.ScriptFunc(d.scriptFaults), ScriptReload: scriptReload{d}, Credentials: d.modules.Auth,
		Domains: d.modules.Domain, DomainList: d.modules.Domain, Aliases: d.modules.Alias, Groups: d.modules.Group, TLS: d.modules.TLS,
		Dialogs: d.modules.Dialog, Relieve: d.layer.Yield,
	}
	cfg.Guards, cfg.CallModules = d.guards(), d.callModules()
	if d.db != nil {
		cfg.Presence.(*presence).levels = d.db.Profiles.Presences
		cfg.Enabled = d.enabled
	}
	for _, m := range d.program.Modules() {
		switch {
		case m == d.modules.Ctd:
			cfg.Ctd = d.modules.Ctd
		case m == d.modules.Msilo && d.db != nil:
			cfg.Silo = d.modules.Msilo
		}
	}
	return cfg
}

// enabled reports whether an address is a user's whose account is open.
func (d *Daemon) enabled(ctx context.Context, user aor.AOR) (bool, error) {
	profile, err := d.db.Profiles.Load(ctx, user)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case store.IsUnavailable(err):
		return false, ctlproto.Errorf(ctlproto.CodeUnavailable, "the database is away: it is not known whether %s is a user", user)
	}
	return err == nil && !profile.Disabled, err
}

// buildInfo is what the compiler noted about this binary.
func buildInfo(version string) ctlproto.CoreInfo {
	info := ctlproto.CoreInfo{Version: Name + " " + version, ID: "unknown", Compiled: "unknown", Compiler: runtime.Version()}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	var flags []string
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			info.ID = s.Value
		case "vcs.time":
			info.Compiled = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				flags = append(flags, "modified")
			}
		case "-tags", "CGO_ENABLED", "-race":
			flags = append(flags, s.Key+"="+s.Value)
		}
	}
	info.Flags = strings.Join(flags, ", ")
	return info
}
