// Command seraphctl is the operators' command line: users and domains in the
// database, and everything live by the control socket of seraph-proxy.
// docs/seraphctl.md shows each command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	a := &app{
		version: version,
		actor:   systemUser(),
		in:      os.Stdin, out: os.Stdout, errs: os.Stderr,
		terminal: terminalOf(os.Stdin, os.Stderr),
	}
	os.Exit(a.run(ctx, os.Args[1:]))
}
