// Command seraph-webui is the web portal: the pages below /user, served from
// the database and the control socket of seraph-proxy.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones, where the machine has none
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command with its exit code: 0 ok, 1 failed, 2 usage.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	cfg, show, err := parseArgs(args, errs)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(errs, "seraph-webui: %v\n", err)
		return 2
	case show != nil:
		show(out)
		return 0
	}
	log := slog.New(slog.NewTextHandler(errs, nil))
	m := &Main{Config: cfg, Log: log}
	if err := m.Run(ctx); err != nil {
		fmt.Fprintf(errs, "seraph-webui: %v\n", err)
		return 1
	}
	defer m.Close()
	log.Info("listening", "url", m.URL(), "version", version)
	if err := m.Wait(ctx); err != nil {
		fmt.Fprintf(errs, "seraph-webui: %v\n", err)
		return 1
	}
	return 0
}
