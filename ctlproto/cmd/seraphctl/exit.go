package main

import (
	"errors"
	"fmt"

	"seraph/ctlproto"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // understood, and not done
	exitUsage       = 2 // the command line is wrong
	exitUnreachable = 3 // the router or the database cannot be reached
)

// usageError is a command line that cannot be carried out as it stands.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// unreachableError says in plain words what cannot be reached.
type unreachableError struct {
	text  string
	cause error
}

func (e *unreachableError) Error() string { return e.text }
func (e *unreachableError) Unwrap() error { return e.cause }

// errShown ends a command with exitFailed whose output has said everything.
var errShown = errors.New("shown already")

func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(*usageError)):
		return exitUsage
	case errors.As(err, new(*unreachableError)), errors.Is(err, ctlproto.ErrUnreachable):
		return exitUnreachable
	}
	return exitFailed
}
