package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/script"
)

// live are the settings that a reload takes; max_while_loops is the script's own.
var live = []string{"alias", "debug", "max_while_loops"}

// ReloadScript reads the script again and lets later requests run through it. What is
// under way goes on with the script that it began with. A script with problems, which
// the ScriptError lists, leaves the old one in force. waiting names what has changed
// beside the routes and takes effect at the next start only.
func (d *Daemon) ReloadScript() (waiting []string, err error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	name, text, err := readScript(d.cfg.Script)
	if err != nil {
		return nil, err
	}
	tried, problems := compileOnly(name, text, script.Options{})
	if len(problems) > 0 {
		return nil, ScriptError(problems)
	}
	if err := d.mayLoad(tried); err != nil {
		return nil, err
	}
	p, problems := script.Compile(name, text, script.Options{Modules: d.modules.All(), Working: d.inUse(), Read: readIncluded, Log: d.log})
	if len(problems) > 0 {
		return nil, ScriptError(problems)
	}
	waiting, err = d.take(p.Since(d.program))
	if err != nil {
		return nil, err
	}
	d.adopt(p.Globals())
	d.engine.SetHooks(p)
	d.program = p
	d.log.Info("script reloaded", "script", d.scriptName(), "at_next_start", strings.Join(waiting, " "))
	return waiting, nil
}

// inUse are the modules that have been at work since the start, whether the script
// loads them or not.
func (d *Daemon) inUse() []module.Module {
	list := d.working()
	for _, m := range d.modules.All() {
		if !slices.Contains(list, m) && hasWork(m) {
			list = append(list, m)
		}
	}
	return list
}

// hasWork tells modules that prepare themselves or run from those that only have
// functions.
func hasWork(m module.Module) bool {
	switch m.(type) {
	case module.Initializer, module.Runner:
		return true
	}
	return false
}

// mayLoad refuses modules that can only be started with the router.
func (d *Daemon) mayLoad(p *script.Program) error {
	var names []string
	for _, m := range p.Modules() {
		mine := slices.IndexFunc(d.program.Modules(), func(o module.Module) bool { return o.Name() == m.Name() })
		if mine < 0 && hasWork(m) {
			names = append(names, m.Name())
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("the script loads %s, which can only be started with the router: restart it", strings.Join(names, ", "))
	}
	return nil
}

// take applies what can change while the router works, and names the rest.
func (d *Daemon) take(c script.Changes) (waiting []string, err error) {
	for _, name := range c.Settings {
		if !slices.Contains(live, name) {
			waiting = append(waiting, name)
		}
	}
	for _, p := range c.Params {
		i := slices.IndexFunc(c.Loaded, func(m module.Module) bool { return m.Name() == p.Module })
		if i >= 0 {
			continue // it is new, and compiling has set it
		}
		done, err := d.setLive(p)
		if err != nil {
			return nil, fmt.Errorf("parameter %s of %s: %w", p.Name, p.Module, err)
		}
		if !done {
			waiting = append(waiting, p.Module+"."+p.Name)
		}
	}
	for _, p := range c.Gone { // what it would be without the script, its module alone knows
		waiting = append(waiting, p.Module+"."+p.Name)
	}
	return waiting, nil
}

// setLive sets a parameter that may change while its module works.
func (d *Daemon) setLive(p script.Param) (bool, error) {
	for _, m := range d.modules.All() {
		if m.Name() != p.Module {
			continue
		}
		for _, param := range m.Params() {
			if param.Name == p.Name && param.Live {
				return true, param.Set(p.Text, p.Num)
			}
		}
	}
	return false, nil
}

// reloadScript is ReloadScript for SIGHUP.
func (d *Daemon) reloadScript() {
	waiting, err := d.ReloadScript()
	switch {
	case err != nil:
		d.log.Error("script not reloaded, the old one stays in force", "error", err)
	case len(waiting) > 0:
		d.log.Warn("some changes of the script take effect at the next start only", "changes", strings.Join(waiting, " "))
	}
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
	return ctlproto.ScriptReloadResult{OK: true, Errors: []ctlproto.ScriptError{}, AtNextStart: waiting}, nil
}
