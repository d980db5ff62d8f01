package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"seraph/ctlproto"
	"seraph/deploy"
	"seraph/proxy/internal/modules"
	"seraph/proxy/internal/script"
)

// embeddedName stands for the default script in messages.
const embeddedName = "seraph.cfg (embedded)"

// ScriptError is everything that is wrong with a script.
type ScriptError []script.Problem

// Error is one paragraph a problem, each with its line and a caret.
func (e ScriptError) Error() string {
	texts := make([]string, len(e))
	for i, p := range e {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

// scriptName names the script that runs.
func (d *Daemon) scriptName() string {
	if d.cfg.Script == "" {
		return embeddedName
	}
	return d.cfg.Script
}

// readScript reads the script at path; empty is the embedded one.
func readScript(path string) (name string, text []byte, err error) {
	if path == "" {
		return embeddedName, []byte(deploy.Script()), nil
	}
	text, err = os.ReadFile(path)
	if err != nil {
		return path, nil, fmt.Errorf("routing script: %w", err)
	}
	return path, text, nil
}

// compile compiles the script with the modules of this proxy.
func (d *Daemon) compile() (*script.Program, error) {
	name, text, err := readScript(d.cfg.Script)
	if err != nil {
		return nil, err
	}
	p, problems := script.Compile(name, text, script.Options{Modules: d.modules.All(), Read: os.ReadFile, Log: d.log})
	if len(problems) > 0 {
		return nil, ScriptError(problems)
	}
	return p, nil
}

// CheckScript compiles the script at path (empty: the embedded one) and returns a
// ScriptError if anything is wrong with it, or another error if its modules and the
// command line's db name more than one database. It starts nothing.
func CheckScript(path, db string) error {
	name, text, err := readScript(path)
	if err != nil {
		return err
	}
	p, problems := compileOnly(name, text)
	if len(problems) > 0 {
		return ScriptError(problems)
	}
	_, err = databaseOf(db, p.Modules(), slog.New(slog.DiscardHandler))
	return err
}

// compileOnly compiles with modules that are thrown away.
func compileOnly(name string, text []byte) (*script.Program, []script.Problem) {
	return script.Compile(name, text, script.Options{Modules: modules.New(modules.Config{}).All(), Read: os.ReadFile})
}

// scriptFaults is script.check of the control socket.
func scriptFaults(name, text string) []ctlproto.ScriptError {
	_, problems := compileOnly(name, []byte(text))
	faults := make([]ctlproto.ScriptError, len(problems))
	for i, p := range problems {
		faults[i] = ctlproto.ScriptError{File: p.File, Line: p.Line, Column: p.Column, Message: p.Message, Caret: p.Caret}
	}
	return faults
}

// IsScriptError reports whether err says that a script is wrong.
func IsScriptError(err error) bool {
	var s ScriptError
	return errors.As(err, &s)
}
