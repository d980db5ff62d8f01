// Command seraph-demo shows Seraph on one machine: it starts seraph-proxy and
// seraph-webui on a database of its own, and two phones that register, ring and
// answer by themselves. Ctrl-C ends everything. README.md says what to try.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	// SIGPIPE is here so that "seraph-demo | head" ends in order, too.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	// A second Ctrl-C ends at once, and the kernel then kills the children; not
	// the first one's echo, which make sends.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	os.Exit(start(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// start reads the command line and the environment, runs the demo until ctx
// ends, and returns the exit code.
func start(ctx context.Context, args []string, getenv func(string) string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("seraph-demo", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() { fmt.Fprint(errs, usage) }
	bin := flags.String("bin", "bin", "folder of the programs")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(errs, "seraph-demo: %q is one argument too many\n%s", flags.Arg(0), usage)
		return 2
	}
	s, err := readSettings(*bin, getenv)
	if err != nil {
		fmt.Fprintf(errs, "seraph-demo: %v\n", err)
		return 2
	}
	d := &demo{settings: s, out: out}
	if err := d.run(ctx); err != nil {
		fmt.Fprintf(errs, "seraph-demo: %v\n", err)
		return 1
	}
	return 0
}

const usage = `usage: seraph-demo [-bin FOLDER]

Starts seraph-proxy and seraph-webui from FOLDER (bin) with users and two phones.

environment:
  DEMO_DIR        folder of the database and the logs (.demo)
  DEMO_LISTEN     IP address to listen on (127.0.0.1); 0.0.0.0 lets other machines in
  DEMO_SIP_PORT   UDP and TCP port of the router (5060)
  DEMO_HTTP_PORT  port of the portal (8080)
`
