// Command seraph-proxy is the SIP proxy and registrar.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/pflag"

	"seraph/proxy/internal/daemon"
	"seraph/proxy/internal/script"
)

// version is set by the Makefile.
var version = "dev"

// Exit codes.
const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options is the command line.
type options struct {
	daemon.Config
	check     bool
	dump      bool
	level     string
	megabytes int64
	version   bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := pflag.NewFlagSet(daemon.Name, pflag.ContinueOnError)
	f.SetOutput(stderr)
	f.SortFlags = false
	f.StringVarP(&o.Script, "file", "f", "", "routing script (default: the one in the program)")
	f.StringArrayVarP(&o.Defines, "define", "A", nil, "NAME or NAME=VALUE, as if the script began with #!define; may be given again")
	f.BoolVarP(&o.check, "check", "c", false, "check the script, say everything that is wrong with it, and end")
	f.BoolVar(&o.dump, "dump", false, "print the script as it is compiled, includes in place and without passwords, and end")
	f.StringVar(&o.DB, "db", "", "database URL: mysql://user:pw@host:port/db, mysql://user:pw@unix(/path)/db, sqlite:///path, or none (default: seraph.db in the state folder)")
	f.StringVar(&o.State, "state", daemon.DefaultState, "state folder")
	f.StringVar(&o.Control, "ctl", "", "path of the control socket (default: the script's unix_sock, else /run/seraph/ctl.sock)")
	f.StringArrayVar(&o.Listen, "listen", nil, "address to listen on, [udp:|tcp:|tls:|ws:|wss:]HOST[:PORT]; may be given again (default: the script's, else 0.0.0.0:5060)")
	f.StringVar(&o.Advertise, "advertise", "", "HOST[:PORT] by which others reach this proxy, where it is not the address it listens on")
	f.Int64VarP(&o.megabytes, "shm-mem", "m", 0, "megabytes that transactions and dialogs may hold; beyond it new requests get 503 (default: the script's shm_mem_size, else a third of the memory that the process may have, 4096 at most)")
	f.StringVar(&o.level, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&o.version, "version", false, "say the version and end")
	f.SetNormalizeFunc(socketName)
	f.Usage = func() {
		fmt.Fprintf(stderr, "Usage: %s [options]\n\n%s\nSIGHUP reads the script, its tables and the certificates again; SIGTERM and SIGINT end.\n", daemon.Name, f.FlagUsages())
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q: there are no arguments, only options", f.Arg(0))
	}
	if f.Changed("shm-mem") && (o.megabytes < 1 || o.megabytes > script.MostMemory>>20) {
		return o, fmt.Errorf("--shm-mem %d: want 1 to %d megabytes", o.megabytes, script.MostMemory>>20)
	}
	for _, text := range o.Defines {
		if err := script.CheckDefine(text); err != nil {
			return o, fmt.Errorf("-A: %w", err)
		}
	}
	o.Memory = o.megabytes << 20
	return o, nil
}

// socketName lets --ctl be called --socket, as with seraphctl.
func socketName(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if name == "socket" {
		name = "ctl"
	}
	return pflag.NormalizedName(name)
}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return exitOK
	case err != nil:
		return complain(stderr, exitUsage, err)
	case o.version:
		fmt.Fprintln(stdout, daemon.Name, version)
		return exitOK
	case o.check:
		return check(o, stdout, stderr)
	case o.dump:
		return dump(o, stdout, stderr)
	}
	var level slog.LevelVar
	if err := level.UnmarshalText([]byte(o.level)); err != nil {
		return complain(stderr, exitUsage, fmt.Errorf("--log-level %q: want debug, info, warn or error", o.level))
	}
	spareCollector()
	limitMemory()
	ignorePipe()
	log := newLogWriter(stderr)
	defer log.close()
	o.Version, o.Level, o.LogLost = version, &level, log.Lost
	o.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: &level}))
	if err := serve(o.Config); err != nil {
		return complain(log, exitFail, err)
	}
	return exitOK
}

// ignorePipe makes a write to a standard error that nobody reads any more an error like
// others; by default it ends the program.
func ignorePipe() { signal.Ignore(syscall.SIGPIPE) }

// gcPercent is how much the memory may grow before the collector runs, in percent of what
// is in use. The relay makes no garbage; what grows is what transactions, contacts and
// dialogs keep, and a collection then costs much and finds nothing. Measured while 2,500
// calls/s filled the free lists: 4 µs of 100 µs a call less than with Go's 100.
const gcPercent = 300

// spareCollector sets gcPercent, unless the environment says otherwise (GOGC).
func spareCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// memoryLimit is the part of what the machine gives the process, in hundredths, up to which
// the heap grows as gcPercent says. Beyond it the collector runs more often.
const memoryLimit = 80

// limitMemory sets memoryLimit, unless the operator has set a limit.
func limitMemory() {
	if n := daemon.MachineMemory(); n > 0 && !daemon.LimitedMemory() {
		debug.SetMemoryLimit(n / 100 * memoryLimit)
	}
}

func complain(stderr io.Writer, code int, err error) int {
	fmt.Fprintf(stderr, "%s: %v\n", daemon.Name, err)
	return code
}

func check(o options, stdout, stderr io.Writer) int {
	remarks, err := daemon.CheckScript(o.Script, o.Defines, o.DB)
	switch {
	case daemon.IsScriptError(err):
		fmt.Fprintln(stderr, err)
		return exitFail
	case err != nil:
		return complain(stderr, exitFail, err)
	}
	name := o.Script
	if name == "" {
		name = "the embedded script"
	}
	for _, r := range remarks {
		fmt.Fprintln(stderr, r.Error())
	}
	found := "no problem found"
	switch len(remarks) {
	case 0:
	case 1:
		found += ", 1 remark"
	default:
		found += fmt.Sprintf(", %d remarks", len(remarks))
	}
	fmt.Fprintf(stdout, "%s: %s\n", name, found)
	return exitOK
}

func dump(o options, stdout, stderr io.Writer) int {
	text, err := daemon.DumpScript(o.Script, o.Defines)
	switch {
	case daemon.IsScriptError(err):
		fmt.Fprintln(stderr, err)
		return exitFail
	case err != nil:
		return complain(stderr, exitFail, err)
	}
	if _, err := io.WriteString(stdout, text); err != nil {
		return complain(stderr, exitFail, err)
	}
	return exitOK
}

// serve runs the proxy until it is told to end or cannot go on.
func serve(cfg daemon.Config) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	d, err := daemon.Start(ctx, cfg)
	if err != nil {
		return err
	}
	go func() {
		for {
			select {
			case <-hup:
				d.Reload(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
	err = d.Wait(ctx)
	return errors.Join(err, d.Close())
}
