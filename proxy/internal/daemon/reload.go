package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"seraph/ctlproto"
	"seraph/proxy/internal/control"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/script"
)

// liveSettings are the settings that a reload takes; max_while_loops is the script's own.
var liveSettings = []string{"alias", "debug", "max_while_loops"}

// ReloadScript reads the script again and lets later requests run through it. What is
// under way goes on with the script that it began with. A script with problems, which
// the ScriptError lists, leaves the old one in force. waiting names what is, beside the
// routes, not as the script says until the next start. The log has either.
func (d *Daemon) ReloadScript() (waiting []string, err error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	waiting, err = d.tryReload()
	switch {
	case err != nil:
		d.log.Error("script not reloaded, the old one stays in force", "script", d.scriptName(), "error", err)
	case len(waiting) > 0:
		d.log.Warn("script reloaded; some changes take effect at the next start only", "script", d.scriptName(), "changes", strings.Join(waiting, " "))
	default:
		d.log.Info("script reloaded", "script", d.scriptName())
	}
	return waiting, err
}

// tryReload is ReloadScript without the log.
func (d *Daemon) tryReload() (waiting []string, err error) {
	name, text, err := readScript(d.cfg.Script)
	if err != nil {
		return nil, err
	}
	tried, problems := compileOnly(name, text, script.Options{Defines: d.cfg.Defines})
	if len(problems) > 0 {
		return nil, ScriptError(problems)
	}
	if err := d.mayLoad(tried); err != nil {
		return nil, err
	}
	p, problems := script.Compile(name, text, script.Options{Modules: d.modules.All(), Defines: d.cfg.Defines, Working: d.inUse(), Read: readIncluded, Log: d.log})
	if len(problems) > 0 {
		return nil, ScriptError(problems)
	}
	if err := d.take(p); err != nil {
		return nil, err
	}
	waiting = d.inForce.waiting(p, d.param)
	d.adopt(p)
	d.engine.SetHooks(p)
	d.program = p
	return waiting, nil
}

// remarks are those on the script in force.
func (d *Daemon) remarks() []script.Problem {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	return d.program.Remarks()
}

// inUse are the modules whose parameters are settled: those that have been at work since the
// start, or whose values the router took then, whether the script loads them or not, and those
// that it or a reload since has loaded, though a later script may have left them out.
func (d *Daemon) inUse() []module.Module {
	list := d.working()
	for _, m := range d.modules.All() {
		if !slices.Contains(list, m) && (hasWork(m) || readAtStart(m) || d.inForce.knows(m)) {
			list = append(list, m)
		}
	}
	return list
}

// readAtStart tells modules that hold values which the router takes when it starts and never again.
func readAtStart(m module.Module) bool {
	return slices.ContainsFunc(m.Params(), func(p module.Param) bool { return p.AtStart })
}

// hasWork tells modules that prepare themselves or run, or whose functions go by one that does,
// from those that only have functions.
func hasWork(m module.Module) bool {
	switch m.(type) {
	case module.Initializer, module.Runner, module.Dependent:
		return true
	}
	return false
}

// mayLoad refuses modules that can only be started with the router.
func (d *Daemon) mayLoad(p *script.Program) error {
	var names []string
	for _, m := range p.Modules() {
		if hasWork(m) && !d.inForce.started(m.Name()) {
			names = append(names, m.Name())
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("the script loads %s, which can only be started with the router: restart it", strings.Join(names, ", "))
	}
	return nil
}

// take applies what can change while the router works.
func (d *Daemon) take(p *script.Program) error {
	c, settled := p.Since(d.program), d.inUse()
	loaded := map[string]bool{}
	for _, m := range c.Loaded {
		if slices.Contains(settled, m) {
			continue // its parameters are those of before
		}
		loaded[m.Name()] = true // compiling has set its parameters
		d.inForce.loaded(m, p)
	}
	var before script.Param // the values of one parameter stand together
	for _, x := range append(c.Params, c.Gone...) {
		_, param := d.param(x)
		if loaded[x.Module] || !param.Live || param.Replace != nil && same(x, before) {
			continue
		}
		before = x
		if err := d.takeParam(param, x, p); err != nil {
			return fmt.Errorf("parameter %s of %s: %w", x.Name, x.Module, err)
		}
	}
	return nil
}

// takeParam applies a live parameter that differs.
func (d *Daemon) takeParam(param module.Param, x script.Param, p *script.Program) error {
	if param.Replace != nil {
		var values []string
		for _, y := range p.Params() {
			if same(x, y) {
				values = append(values, y.Text)
			}
		}
		return param.Replace(values)
	}
	if !slices.ContainsFunc(p.Params(), func(y script.Param) bool { return same(x, y) }) {
		return nil // what it would be without the script, its module alone knows
	}
	d.inForce.setLive(x)
	return param.Set(x.Text, x.Num)
}

// param finds a parameter and its module, which is nil for what is built in.
func (d *Daemon) param(p script.Param) (module.Module, module.Param) {
	for _, m := range d.modules.All() {
		if m.Name() != p.Module {
			continue
		}
		for _, x := range m.Params() {
			if x.Name == p.Name {
				return m, x
			}
		}
	}
	return nil, module.Param{}
}

// Reload reads the script, the certificates, and the tables of the database again.
func (d *Daemon) Reload(ctx context.Context) {
	_, _ = d.ReloadScript() // which has logged what became of it
	reloadAll(ctx, d.log, map[string]control.Reloader{"tls": d.modules.TLS})
	reloadAll(ctx, d.log, map[string]control.Reloader{
		"domain": d.modules.Domain, "alias_db": d.modules.Alias, "group": d.modules.Group,
		"permissions": d.modules.Guards.Permissions, "userblock": d.modules.Calls.Userblock,
		"speeddial": d.modules.Calls.Speeddial, "dispatcher": d.modules.Calls.Dispatcher,
	})
}

// reloadAll lets modules read their content again, all at once: with a database that does
// not answer each takes seconds.
func reloadAll(ctx context.Context, log *slog.Logger, list map[string]control.Reloader) {
	var all sync.WaitGroup
	for name, r := range list {
		all.Go(func() {
			if err := r.Reload(ctx); err != nil {
				log.Warn("reload failed, the old content stays", "module", name, "error", err)
			}
		})
	}
	all.Wait()
}

// scriptReload is script.reload of the control socket.
type scriptReload struct{ d *Daemon }

// Reload is the method; problems of the script are a result.
func (s scriptReload) Reload(context.Context) (ctlproto.ScriptReloadResult, error) {
	waiting, err := s.d.ReloadScript()
	var faults ScriptError
	switch {
	case errors.As(err, &faults):
		return ctlproto.ScriptReloadResult{Errors: asFaults(faults)}, nil
	case err != nil:
		return ctlproto.ScriptReloadResult{}, err
	}
	return ctlproto.ScriptReloadResult{OK: true, Errors: []ctlproto.ScriptError{}, Remarks: asFaults(s.d.remarks()), AtNextStart: waiting}, nil
}
