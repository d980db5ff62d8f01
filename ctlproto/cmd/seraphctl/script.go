package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
)

func (a *app) scriptCommand() *cobra.Command {
	return group("script", "The routing script",
		&cobra.Command{
			Use:   "check FILE",
			Short: `Check a script by the running router; "-" is standard input`,
			Long: `Check a routing script by the running router, without loading it: with its
modules and its version. Without a running router: seraph-proxy -c -f FILE.`,
			Args: arguments("script check", "FILE"),
			RunE: func(cmd *cobra.Command, args []string) error { return a.scriptCheck(cmd.Context(), args[0]) },
		},
		&cobra.Command{
			Use:   "reload",
			Short: "Let the running router read its script again",
			Long: `Let the running router read its script again. What is under way goes on with the
script that it began with. A script with faults leaves the old one in force.`,
			Args: arguments("script reload"),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.scriptReload(cmd.Context()) },
		})
}

func (a *app) scriptReload(ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	result, err := c.ScriptReload(ctx)
	if err != nil {
		return err
	}
	if err := a.writeRemarks(result.Remarks); err != nil {
		return err
	}
	switch {
	case a.asJSON():
		err = a.writeJSON(result)
	case !result.OK:
		err = a.writeFaults(result.Errors)
	case len(result.AtNextStart) > 0:
		_, err = fmt.Fprintf(a.out, "reloaded; at the next start of the router only: %s\n", safe(strings.Join(result.AtNextStart, ", ")))
	case !a.quiet:
		_, err = fmt.Fprintln(a.out, "reloaded")
	}
	if err == nil && !result.OK {
		return errShown
	}
	return err
}

func (a *app) scriptCheck(ctx context.Context, file string) error {
	p, err := a.readScript(file)
	if err != nil {
		return err
	}
	c, err := a.connect(ctx)
	if err != nil {
		return fmt.Errorf("%w; \"seraph-proxy -c -f FILE\" checks without a router", err)
	}
	defer c.Close()
	result, err := c.ScriptCheck(ctx, p)
	if err != nil {
		return err
	}
	if err := a.writeRemarks(result.Remarks); err != nil {
		return err
	}
	switch {
	case a.asJSON():
		err = a.writeJSON(result)
	case !result.OK:
		err = a.writeFaults(result.Errors)
	case !a.quiet:
		_, err = fmt.Fprintf(a.out, "%s: ok\n", safe(file))
	}
	if err == nil && !result.OK {
		return errShown
	}
	return err
}

// readScript reads the script here, with the operator's rights. Its absolute
// name goes along: relative includes start there.
func (a *app) readScript(file string) (p ctlproto.ScriptCheckParams, err error) {
	var raw []byte
	if file == "-" {
		raw, err = io.ReadAll(io.LimitReader(a.in, ctlproto.MaxRequest))
	} else {
		if p.File, err = filepath.Abs(file); err != nil {
			return p, err
		}
		raw, err = os.ReadFile(file)
	}
	if err != nil {
		return p, err
	}
	if len(raw) == 0 {
		return p, fmt.Errorf("%s is empty: that is no script", file)
	}
	p.Text = string(raw)
	return p, nil
}

// writeRemarks prints what the author of a script without faults should know: notes not to
// who wants it quiet.
func (a *app) writeRemarks(list []ctlproto.ScriptError) error {
	if a.asJSON() {
		return nil // they stand in the result
	}
	if a.quiet {
		list = slices.DeleteFunc(list, func(e ctlproto.ScriptError) bool { return e.Kind == ctlproto.ScriptNote })
	}
	return a.writeFaults(list)
}

// writeFaults prints the faults of a script, or remarks, as compilers do.
func (a *app) writeFaults(list []ctlproto.ScriptError) error {
	for _, e := range list {
		kind := ""
		if e.Kind != "" {
			kind = safe(e.Kind) + ": "
		}
		if _, err := fmt.Fprintf(a.out, "%s:%d:%d: %s%s\n", safe(e.File), e.Line, e.Column, kind, safe(e.Message)); err != nil {
			return err
		}
		if e.Caret == "" {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimRight(e.Caret, "\n"), "\n") {
			// A tab stays one, so that the caret stands where it points.
			line = strings.ReplaceAll(safe(strings.ReplaceAll(line, "\t", "        ")), "\t", " ")
			if _, err := fmt.Fprintf(a.out, "    %s\n", line); err != nil {
				return err
			}
		}
	}
	return nil
}
