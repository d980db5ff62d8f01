package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxPasswordFile bounds what is read in search of a password, in bytes.
const maxPasswordFile = 4096

// asker asks a person for a secret, without showing what is typed.
type asker interface {
	Ask(ctx context.Context, prompt string) (string, error)
}

// newPassword is where a command gets a new password from. It never comes from
// the command line, which every user of the machine can read.
type newPassword struct {
	app  *app
	file string
	text string // read from file
	read bool
}

// passwordFlag adds --password-file to cmd.
func (a *app) passwordFlag(cmd *cobra.Command) *newPassword {
	p := &newPassword{app: a}
	cmd.Flags().StringVar(&p.file, "password-file", "", "`FILE` whose only line is the password; \"-\" is standard input")
	return p
}

// prepare reads the file, if one was given: before root becomes somebody who
// may not read it, and before anything else is done.
func (p *newPassword) prepare(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("password-file") {
		if p.app.terminal == nil {
			return usagef("there is no terminal to ask for the password on: give --password-file FILE, or \"-\" for standard input")
		}
		return nil
	}
	raw, err := p.readFile()
	if err != nil {
		return fmt.Errorf("--password-file: %w", err)
	}
	p.text, err = onlyLine(raw)
	if err != nil {
		return fmt.Errorf("--password-file: %w", err)
	}
	p.read = true
	return nil
}

func (p *newPassword) readFile() ([]byte, error) {
	if p.file == "-" {
		return io.ReadAll(io.LimitReader(p.app.in, maxPasswordFile+1))
	}
	f, err := os.Open(p.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&(fs.ModePerm&0o044) != 0 {
		p.app.warn("others can read %s: chmod 600 keeps the password in it secret", p.file)
	}
	return io.ReadAll(io.LimitReader(f, maxPasswordFile+1))
}

// onlyLine takes the line end off a password. Its errors say nothing of what
// stands there.
func onlyLine(raw []byte) (string, error) {
	if len(raw) > maxPasswordFile {
		return "", fmt.Errorf("over %d bytes: that is no password", maxPasswordFile)
	}
	line, rest, _ := bytes.Cut(raw, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	switch {
	case len(rest) > 0:
		return "", errors.New("more than one line: want the password and nothing else")
	case len(line) == 0:
		return "", errors.New("the password is empty")
	}
	return string(line), nil
}

// value is the password for user: from the file, or typed twice.
func (p *newPassword) value(ctx context.Context, user string) (string, error) {
	if p.read {
		return p.text, nil
	}
	first, err := p.app.terminal.Ask(ctx, "New password for "+safe(user)+": ")
	if err != nil {
		return "", err
	}
	if first == "" {
		return "", errors.New("the password is empty; nothing was changed")
	}
	second, err := p.app.terminal.Ask(ctx, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return first, nil
}

// console is the terminal of the program.
type console struct {
	in  *os.File
	out io.Writer
}

// terminalOf returns the terminal that in is, nil if it is none.
func terminalOf(in *os.File, out io.Writer) asker {
	if !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return &console{in, out}
}

// Ask implements asker. When ctx ends it gives the terminal its echo back.
func (c *console) Ask(ctx context.Context, prompt string) (string, error) {
	fd := int(c.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	fmt.Fprint(c.out, prompt)
	defer fmt.Fprintln(c.out)
	type typed struct {
		text string
		err  error
	}
	done := make(chan typed, 1)
	go func() { // it may stay in its read until the program ends
		text, err := readSecret(fd)
		done <- typed{text, err}
	}()
	select {
	case t := <-done:
		if errors.Is(t.err, io.EOF) {
			return "", usagef("no password was typed; nothing was changed")
		}
		return strings.TrimSuffix(t.text, "\r"), t.err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
