package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"seraph/ctlproto"
)

// connect opens the control socket.
func (a *app) connect(ctx context.Context) (*ctlproto.Client, error) {
	return a.connectBy(ctx, ctlproto.Dialer{})
}

// connectBy is connect with limits of the call's own.
func (a *app) connectBy(ctx context.Context, d ctlproto.Dialer) (*ctlproto.Client, error) {
	c, err := d.Dial(ctx, a.socket)
	if err != nil {
		return nil, a.unreachable(err)
	}
	return c, nil
}

// unreachable words why the router cannot be asked.
func (a *app) unreachable(err error) error {
	switch {
	case notRunning(err):
		return &unreachableError{fmt.Sprintf("seraph-proxy is not running: nothing listens on %s (--socket names another one)", a.socket), err}
	case errors.Is(err, fs.ErrPermission):
		return &unreachableError{fmt.Sprintf("seraph-proxy cannot be asked: %s may be opened by its owner and its group only", a.socket), err}
	case errors.Is(err, ctlproto.ErrProtocol):
		return &unreachableError{fmt.Sprintf("%v: --socket must name the control socket of seraph-proxy", err), err}
	case errors.As(err, new(*ctlproto.IncompatibleError)):
		return &unreachableError{err.Error(), err}
	}
	return err
}

// notRunning reports whether err says that nobody listens on the socket.
func notRunning(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

// tell lets a running router know of a change in the database at once; without
// that it learns it from its next look. So failing to tell is never an error:
// late says what is then late, for the operator, and "" that nothing is. A
// router that does not run has nothing to learn, but another socket may be
// meant: with urgent that too is said.
func (a *app) tell(ctx context.Context, urgent bool, late string, news func(ctx context.Context, c *ctlproto.Client) error) {
	c, err := a.connect(ctx)
	if err == nil {
		defer c.Close()
		err = news(ctx, c)
	}
	switch {
	case err == nil:
	case notRunning(err):
		if urgent && !a.quiet {
			a.warn("no router listens on %s; if one runs elsewhere, %s", a.socket, late)
		}
	default:
		a.warn("the router could not be told (%s): %s", ctlproto.OneLine(err), late)
	}
}

// gone makes "there was nothing" a success.
func gone(err error) error {
	if ctlproto.CodeOf(err) == ctlproto.CodeNotFound {
		return nil
	}
	return err
}

// notLoaded makes "the router has no such method" a success: that part of it
// is not loaded, so it has nothing to forget.
func notLoaded(err error) error {
	if ctlproto.CodeOf(err) == ctlproto.CodeMethodNotFound {
		return nil
	}
	return err
}
