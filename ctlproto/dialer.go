package ctlproto

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Dialer holds what a connection needs. The zero value uses the defaults.
type Dialer struct {
	// DialTimeout bounds connecting and the hello; 0 = DefaultDialTimeout.
	DialTimeout time.Duration
	// CallTimeout bounds each call whose context has no deadline of its own;
	// 0 = DefaultCallTimeout, negative = no limit.
	CallTimeout time.Duration
	// MaxReply is the longest reply in bytes; 0 = the constant MaxReply.
	MaxReply int
}

// Dial connects to the server at path with the default limits. See Dialer.Dial.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d Dialer
	return d.Dial(ctx, path)
}

// Dial connects to the Unix socket at path and reads the hello. The error is
// ErrUnreachable if nobody listens or it may not be opened, ErrProtocol if it
// is another program, *IncompatibleError if it is another release.
func (d *Dialer) Dial(ctx context.Context, path string) (*Client, error) {
	if err := CheckSocketPath(path); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.dialTimeout())
	defer cancel()
	var nd net.Dialer
	conn, err := nd.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnreachable, path, rootCause(err))
	}
	c, err := d.Client(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.path = path
	return c, nil
}

// Client reads the hello from an open connection and makes a client of it. On
// an error it has closed conn.
func (d *Dialer) Client(ctx context.Context, conn net.Conn) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, d.dialTimeout())
	defer cancel()
	c := newClient(conn, *d)
	if err := c.readHello(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	go c.read()
	return c, nil
}

// CheckSocketPath says what is wrong with the path of a socket, nil if nothing.
func CheckSocketPath(path string) error {
	switch {
	case path == "":
		return errors.New("control socket: empty path")
	case len(path) > MaxSocketPath:
		return fmt.Errorf("control socket: path of %d bytes, at most %d are possible: %s", len(path), MaxSocketPath, path)
	case path[0] == '@': // Linux's names outside the file system: no mode guards them
		return fmt.Errorf("control socket: %q is not the path of a file", path)
	case strings.IndexByte(path, 0) >= 0:
		return errors.New("control socket: NUL byte in the path")
	}
	return nil
}

// rootCause drops net.OpError's "dial unix PATH:", which our text has already.
func rootCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func (d *Dialer) dialTimeout() time.Duration {
	if d.DialTimeout > 0 {
		return d.DialTimeout
	}
	return DefaultDialTimeout
}

func (d *Dialer) callTimeout() time.Duration {
	if d.CallTimeout == 0 {
		return DefaultCallTimeout
	}
	return d.CallTimeout
}

func (d *Dialer) maxReply() int {
	if d.MaxReply > 0 {
		return d.MaxReply
	}
	return MaxReply
}
