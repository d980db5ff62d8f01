// Command seraphctl is the operators' command line: users and domains in the
// database, and everything live by the control socket of seraph-proxy.
// docs/seraphctl.md shows each command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends at once; not the first one's echo, which timeout and
	// the like send.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	a := &app{
		version: version,
		actor:   systemUser(),
		in:      os.Stdin, out: os.Stdout, errs: os.Stderr,
		terminal: terminalOf(os.Stdin, os.Stderr),
	}
	os.Exit(a.run(ctx, os.Args[1:]))
}
