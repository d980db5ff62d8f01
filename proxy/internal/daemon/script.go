package daemon

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"

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
	text, err = readIncluded(path)
	if err != nil {
		return path, nil, fmt.Errorf("routing script: %w", err)
	}
	return path, text, nil
}

// readIncluded reads a file of the script: a regular one, which never makes it wait,
// and no more of it than a script may have and one byte.
func readIncluded(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return io.ReadAll(io.LimitReader(f, script.MaxSize+1))
}

// compile compiles the script with the modules of this proxy.
func (d *Daemon) compile() (*script.Program, error) {
	name, text, err := readScript(d.cfg.Script)
	if err != nil {
		return nil, err
	}
	p, problems := script.Compile(name, text, script.Options{Modules: d.modules.All(), Defines: d.cfg.Defines, Read: readIncluded, Log: d.log})
	if len(problems) > 0 {
		return nil, ScriptError(problems)
	}
	return p, nil
}

// CheckScript compiles the script at path (empty: the embedded one) and returns a
// ScriptError if anything is wrong with it, or another error if its modules and the
// command line's db name more than one database. remarks are what the start would log of
// it, and its notes. It starts nothing.
func CheckScript(path string, defines []string, db string) (remarks []script.Problem, err error) {
	name, text, err := readScript(path)
	if err != nil {
		return nil, err
	}
	p, problems := compileOnly(name, text, script.Options{Defines: defines})
	if len(problems) > 0 {
		return nil, ScriptError(problems)
	}
	if _, err = databaseOf(db, p.Modules(), slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	return p.Remarks(), nil
}

// DumpScript returns the script at path (empty: the embedded one) as it is compiled,
// without passwords, or a ScriptError.
func DumpScript(path string, defines []string) (string, error) {
	name, text, err := readScript(path)
	if err != nil {
		return "", err
	}
	p, problems := compileOnly(name, text, script.Options{Defines: defines})
	if len(problems) > 0 {
		return "", ScriptError(problems)
	}
	return p.Dump(), nil
}

// compileOnly compiles with modules that are thrown away.
func compileOnly(name string, text []byte, opt script.Options) (*script.Program, []script.Problem) {
	opt.Modules, opt.Read = modules.New(modules.Config{}).All(), readIncluded
	return script.Compile(name, text, opt)
}

// scriptFaults is script.check of the control socket. Whoever calls it may not be who
// may read the proxy's files, so that of a file that is no script nothing is shown;
// read says that the proxy has read the script itself.
func (d *Daemon) scriptFaults(name, text string, read bool) (faults, remarks []ctlproto.ScriptError) {
	opt := script.Options{Defines: d.cfg.Defines, Guarded: true, Given: !read}
	if !read { // what the caller writes would have the values shown
		opt.Defines = namesOnly(opt.Defines)
	}
	p, problems := compileOnly(name, []byte(text), opt)
	if p == nil {
		return asFaults(problems), nil
	}
	return nil, asFaults(p.Remarks())
}

// namesOnly are defines without their values, which may be passwords.
func namesOnly(defines []string) []string {
	names := make([]string, len(defines))
	for i, text := range defines {
		names[i] = text
		if end := strings.IndexAny(text, "= \t"); end >= 0 {
			names[i] = text[:end]
		}
	}
	return names
}

// asFaults writes problems, and remarks, as the control protocol has them.
func asFaults(problems []script.Problem) []ctlproto.ScriptError {
	faults := make([]ctlproto.ScriptError, len(problems))
	for i, p := range problems {
		faults[i] = ctlproto.ScriptError{File: p.File, Line: p.Line, Column: p.Column, Message: p.Message, Caret: p.Caret, Kind: p.Kind}
	}
	return faults
}

// IsScriptError reports whether err says that a script is wrong.
func IsScriptError(err error) bool {
	var s ScriptError
	return errors.As(err, &s)
}
