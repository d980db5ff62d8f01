package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man",
		Short: "Print the manual page, seraphctl(1), made of these helps",
		Long: `Print the manual page, seraphctl(1): "seraphctl man | man -l -" shows it, and a
package installs it.`,
		Args: arguments("man"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(a.out, manual(cmd.Root()))
			return err
		},
	}
}

// manual is the manual page of a tree of commands, in man(7)'s form.
func manual(root *cobra.Command) string {
	var b strings.Builder
	name := root.Name()
	fmt.Fprintf(&b, ".TH %s 1 \"\" %s \"Operators' commands\"\n", strings.ToUpper(name), quoteRoff(root.Version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(strings.ToLower(root.Short[:1])+root.Short[1:]))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n[options] command [arguments]\n", roff(name))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", paragraphs(root.Long))
	b.WriteString(".SH OPTIONS\n")
	options(&b, root.PersistentFlags())
	b.WriteString(".SH COMMANDS\n")
	commands(&b, root)
	return b.String()
}

// commands writes those that do something, each with its own options.
func commands(b *strings.Builder, parent *cobra.Command) {
	for _, c := range parent.Commands() {
		switch {
		case !c.IsAvailableCommand():
		case c.HasSubCommands():
			commands(b, c)
		default:
			path := strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
			arguments := strings.TrimPrefix(c.Use, c.Name())
			fmt.Fprintf(b, ".SS \"%s\"\n", roff(strings.ReplaceAll(path+arguments, `"`, "")))
			text := c.Long
			if text == "" {
				text = c.Short + "."
			}
			fmt.Fprintf(b, "%s\n", paragraphs(text))
			options(b, c.LocalNonPersistentFlags())
		}
	}
}

func options(b *strings.Builder, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		head := "--" + f.Name
		if f.Shorthand != "" {
			head = "-" + f.Shorthand + ", " + head
		}
		if value != "" {
			head += " " + value
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s", roff(head), roff(usage))
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" {
			fmt.Fprintf(b, " (default %s)", roff(f.DefValue))
		}
		b.WriteString("\n")
	})
}

// paragraphs writes a text in which empty lines part paragraphs.
func paragraphs(text string) string {
	return strings.ReplaceAll(roff(strings.TrimSpace(text)), "\n\n", "\n.PP\n")
}

// roff writes a text so that none of it is taken for a request or an escape.
func roff(text string) string {
	text = strings.ReplaceAll(text, `\`, `\e`)
	text = strings.ReplaceAll(text, "-", `\-`)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		line = strings.TrimLeft(line, " \t")
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		lines[i] = line
	}
	var b strings.Builder
	for _, r := range strings.Join(lines, "\n") {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}

func quoteRoff(text string) string { return `"` + strings.ReplaceAll(roff(text), `"`, "") + `"` }
