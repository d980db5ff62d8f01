package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"seraph/ctlproto"
)

// defaultState is where the embedded database is (--state).
const defaultState = "/var/lib/seraph"

// app is one run of the program: what is around it, and the global flags.
type app struct {
	version string
	actor   string // the system user, for the audit
	in      io.Reader
	out     io.Writer
	errs    io.Writer
	// terminal asks a person for a password; nil where nobody sits.
	terminal asker
	now      func() time.Time // nil = time.Now

	socket string
	db     string // "" = the SQLite file in state, "none" = no database
	state  string
	output string
	quiet  bool

	// started is set when a command line was understood: what fails later is
	// no misuse.
	started bool
}

// run carries out one command line, without the program's name, and returns
// the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.started && !errors.As(err, new(*usageError)) {
		err = &usageError{err.Error()}
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = errors.New("interrupted")
	}
	if refused := (*ctlproto.Error)(nil); errors.As(err, &refused) && refused.Code == ctlproto.CodeInvalidParams {
		err = &usageError{strings.TrimPrefix(refused.Message, ctlproto.TextInvalidParams)}
	}
	a.report(cmd, err)
	return exitCode(err)
}

// report says on standard error what went wrong.
func (a *app) report(cmd *cobra.Command, err error) {
	if err == nil || errors.Is(err, errShown) {
		return
	}
	fmt.Fprintf(a.errs, "seraphctl: %s\n", safe(maskURLs(ctlproto.OneLine(err))))
	if errors.As(err, new(*usageError)) {
		fmt.Fprintf(a.errs, "see %s --help\n", cmd.CommandPath())
	}
}

// warn says something beside the result that the operator must know.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.errs, "seraphctl: %s\n", safe(maskURLs(fmt.Sprintf(format, args...))))
}

// root builds the tree of commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "seraphctl",
		Short: "Operate a Seraph SIP router",
		Long: `seraphctl operates a Seraph SIP router: users and domains in its database,
registrations, calls and statistics by its control socket.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 router or database not reachable.`,
		Version:       a.version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.started = true
			return a.checkFlags(cmd)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.socket, "socket", ctlproto.DefaultSocket, "`PATH` of the control socket of seraph-proxy")
	flags.StringVar(&a.db, "db", "", "`URL` of the database: mysql://… or sqlite:///path; \"none\" for a router without one (default the file seraph.db in --state)")
	flags.StringVar(&a.state, "state", defaultState, "`FOLDER` of the router's state, which holds the embedded database")
	flags.StringVarP(&a.output, "output", "o", outputTable, "`FORM` of the results: table, json or csv")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no headings, no confirmations")
	root.SetGlobalNormalizationFunc(socketName)
	root.SetVersionTemplate("seraphctl {{.Version}}\n")
	root.SetUsageTemplate(usageTemplate(root.UsageTemplate()))
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(a.addCommand(), a.passwdCommand(), a.rmCommand(), a.disableCommand(), a.enableCommand(), a.showCommand(),
		a.domainCommand(), a.aliasCommand(), a.aclCommand(), a.addressCommand(), a.ruleCommand(), a.speedDialCommand(), a.adminCommand(), a.ulCommand(), a.onlineCommand(), a.dialCommand(), a.dlgCommand(),
		a.messageCommand(), a.msiloCommand(), a.missedCommand(), a.callsCommand(), a.pingCommand(), a.watchCommand(), a.moniCommand(),
		a.statsCommand(), a.tmCommand(), a.psCommand(), a.uptimeCommand(), a.versionCommand(), a.rpcCommand(),
		a.dbCommand(), a.scriptCommand(), a.manCommand())
	suggest(root)
	root.SetOut(a.out) // which completion takes note of when it is made
	root.InitDefaultCompletionCmd()
	if cmd, _, err := root.Find([]string{"completion"}); err == nil {
		cmd.RunE = groupRun(cmd) // a shell that it does not know is no reason for help
	}
	root.InitDefaultHelpCmd()
	if cmd, _, err := root.Find([]string{"help"}); err == nil {
		cmd.Run, cmd.RunE = nil, help // nor is a command that there is not
	}
	root.SetFlagErrorFunc(wrongFlag)
	return root
}

// help shows the help of the command that args name.
func help(cmd *cobra.Command, args []string) error {
	of, rest, err := cmd.Root().Find(args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0 && of.HasSubCommands():
		return unknownCommand(of, rest[0])
	case len(rest) > 0:
		return usagef("help: %q is one argument too many", rest[0])
	}
	of.InitDefaultHelpFlag()
	of.InitDefaultVersionFlag()
	return of.Help()
}

// wrongFlag words the value of a flag that cannot be read.
func wrongFlag(_ *cobra.Command, err error) error {
	var wrong *pflag.InvalidValueError
	if !errors.As(err, &wrong) {
		return err
	}
	want := map[string]string{"int": "whole number", "float64": "number", "duration": "duration such as 90s or 1h"}[wrong.GetFlag().Value.Type()]
	switch {
	case errors.Is(err, strconv.ErrRange):
		return usagef("--%s: %q is out of range", wrong.GetFlag().Name, wrong.GetValue())
	case want == "":
		return err
	}
	return usagef("--%s: %q is no %s", wrong.GetFlag().Name, wrong.GetValue(), want)
}

// socketName lets --socket be called --ctl, as with seraph-proxy.
func socketName(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if name == "ctl" {
		name = "socket"
	}
	return pflag.NormalizedName(name)
}

// helpWidth is how wide the lines of a help text may be, in characters.
const helpWidth = 80

// usageTemplate is cobra's template with lines that fit a terminal.
func usageTemplate(template string) string {
	return strings.NewReplacer(
		".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", helpWidth),
		"for more information about a command", "for more about a command",
	).Replace(template)
}

// checkFlags refuses global flags that no command could use.
func (a *app) checkFlags(cmd *cobra.Command) error {
	switch {
	case a.output != outputTable && a.output != outputJSON && a.output != outputCSV:
		return usagef("--output: %q is none of table, json and csv", a.output)
	case a.db != "" && cmd.Flags().Changed("state"):
		return usagef("--db and --state both name a database: give one of them")
	case a.state == "":
		return usagef("--state: the path is empty")
	}
	if err := ctlproto.CheckSocketPath(a.socket); err != nil {
		return usagef("--socket: %v", err)
	}
	return nil
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, SuggestionsMinimumDistance: 2}
	cmd.AddCommand(commands...)
	cmd.RunE = groupRun(cmd)
	return cmd
}

// groupRun refuses a command that only holds others.
func groupRun(group *cobra.Command) func(cmd *cobra.Command, args []string) error {
	group.Args, group.SuggestionsMinimumDistance = cobra.ArbitraryArgs, 2
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s wants one of: %s", cmd.Name(), names(cmd))
		}
		return unknownCommand(cmd, args[0])
	}
}

// otherWords are what other tools call commands, by the names that they have here.
var otherWords = map[string][]string{
	"add":     {"set", "create", "new", "put", "insert"},
	"grant":   {"add", "set", "create"},
	"rm":      {"remove", "delete", "del", "unset", "clear", "drop"},
	"revoke":  {"rm", "remove", "delete", "del"},
	"show":    {"list", "ls", "get", "dump", "users"},
	"list":    {"show", "ls", "get", "dump"},
	"end":     {"rm", "remove", "kill", "hangup"},
	"passwd":  {"password"},
	"reload":  {"load", "read", "refresh"},
	"check":   {"test", "verify"},
	"migrate": {"init", "create", "upgrade", "update"},
	"stats":   {"statistics"},
	"online":  {"registrations", "contacts"},
	"domain":  {"domains"},
}

// suggest gives the commands below one the words by which they are looked for, too.
func suggest(parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		cmd.SuggestFor = append(cmd.SuggestFor, otherWords[cmd.Name()]...)
		suggest(cmd)
	}
}

// unknownCommand names what was perhaps meant, or else what there is.
func unknownCommand(cmd *cobra.Command, word string) error {
	for _, c := range cmd.Commands() {
		if slices.Contains(c.SuggestFor, word) {
			return usagef("%s has no command %q; did you mean %q?", cmd.CommandPath(), word, c.Name())
		}
	}
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		begun := max(0, slices.IndexFunc(near, func(name string) bool { return strings.HasPrefix(name, word) }))
		return usagef("%s has no command %q; did you mean %q?", cmd.CommandPath(), word, near[begun])
	}
	return usagef("%s has no command %q; there is %s", cmd.CommandPath(), word, names(cmd))
}

// names lists the commands below cmd.
func names(cmd *cobra.Command) string {
	var list string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			if list != "" {
				list += ", "
			}
			list += c.Name()
		}
	}
	return list
}

// systemUser names who started the program: "root", or "alice as root" for
// one who did it by sudo.
func systemUser() string {
	name := fmt.Sprintf("uid %d", os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if sudo := os.Getenv("SUDO_USER"); os.Getuid() == 0 && sudo != "" && sudo != name {
		return sudo + " as " + name
	}
	return name
}
