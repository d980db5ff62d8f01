package ctlproto

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// Client is one connection to a server. It may be used by many goroutines at
// once; their calls share the connection, and replies may come in any order.
// When the connection breaks, every call fails with ErrUnreachable, and after a line
// that makes no sense with ErrProtocol; the client does not connect again by itself
// (Redialer does).
type Client struct {
	Methods
	conn  net.Conn
	in    *bufio.Reader
	opts  Dialer
	path  string // "" for a client made of an open connection
	hello Hello
	write chan struct{} // holds one token: whoever has it may write
	done  chan struct{} // closed when the reader has ended

	mu      sync.Mutex
	lastID  uint64
	waiting map[uint64]chan reply
	notify  func(method string, params json.RawMessage) // a feed's; nil = drop
	err     error                                       // why the client is dead; nil = alive
}

// reply is the outcome of one call.
type reply struct {
	result json.RawMessage
	err    error
}

func newClient(conn net.Conn, opts Dialer) *Client {
	c := &Client{
		conn: conn, in: bufio.NewReader(conn), opts: opts,
		write: make(chan struct{}, 1), done: make(chan struct{}),
		waiting: make(map[uint64]chan reply),
	}
	c.write <- struct{}{}
	c.Methods = NewMethods(c)
	return c
}

// Hello is what the server said of itself.
func (c *Client) Hello() Hello { return c.hello }

// Close ends the connection; calls that wait fail with ErrClosed.
func (c *Client) Close() error {
	c.fail(ErrClosed)
	<-c.done
	return nil
}

// Done is closed when the connection has ended; Err then says why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is nil while the connection lives, then ErrClosed, ErrUnreachable or ErrProtocol.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// readHello reads and judges the first line.
func (c *Client) readHello(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) })
	line, err := ReadLine(c.in, MaxRequest)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	switch {
	case errors.Is(err, ErrLineTooLong):
		return fmt.Errorf("%w: %w in place of a hello", ErrProtocol, err)
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%w: no hello came: %w", ErrUnreachable, ctx.Err())
	case err != nil:
		return fmt.Errorf("%w: no hello came: %w", ErrUnreachable, err)
	}
	var first struct {
		Method string     `json:"method"`
		Params Hello      `json:"params"`
		Error  *wireError `json:"error"`
	}
	err = json.Unmarshal(line, &first)
	if err == nil && first.Error != nil { // it is full, or shutting down
		return fmt.Errorf("%w: %w", ErrUnreachable, first.Error.typed())
	}
	if err != nil || first.Method != NotifyHello {
		return fmt.Errorf("%w: the first line is no hello: %q", ErrProtocol, excerpt(line))
	}
	c.hello = first.Params
	if c.hello.Protocol != ProtocolVersion {
		return &IncompatibleError{Hello: c.hello}
	}
	return nil
}

// excerpt is as much of a stranger's line as an error message can bear.
func excerpt(line []byte) []byte {
	return line[:min(len(line), 80)]
}

// Call calls a method and puts its result into result (nil = not wanted;
// *json.RawMessage = as it came). The error is *Error when the server refused,
// its Data then *ParamProblem, *MethodProblem or, for other codes, as
// encoding/json decodes any. ctx ends the waiting, not the work at the server.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	if timeout := c.opts.callTimeout(); timeout > 0 {
		if _, has := ctx.Deadline(); !has {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
	}
	id, answer, err := c.register()
	if err != nil {
		return notSent(fmt.Errorf("%s: %w", method, err))
	}
	defer c.forget(id)
	line, err := encodeRequest(id, method, params, deadlineOf(ctx))
	if err != nil {
		return notSent(err)
	}
	if err := c.send(ctx, line); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case r := <-answer:
		return decodeReply(method, r, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// deadlineOf is the end of ctx as Request.Deadline, never 0 if there is one.
func deadlineOf(ctx context.Context) int64 {
	if end, has := ctx.Deadline(); has {
		return max(end.UnixMilli(), 1)
	}
	return 0
}

// encodeRequest makes the line of a call, LF included.
func encodeRequest(id uint64, method string, params any, deadline int64) ([]byte, error) {
	request := Request{JSONRPC: Version, ID: strconv.AppendUint(nil, id, 10), Method: method, Deadline: deadline}
	if params != nil {
		raw, err := json.Marshal(params)
		if err != nil {
			return nil, fmt.Errorf("%s: parameters: %w", method, err)
		}
		if string(raw) != "null" {
			request.Params = raw
		}
	}
	line, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	if len(line) > MaxRequest {
		return nil, Errorf(CodeTooLarge, "%s: the request has %d bytes, at most %d are possible", method, len(line), MaxRequest)
	}
	return append(line, '\n'), nil
}

// register makes a place where the reply to a new call will arrive.
func (c *Client) register() (uint64, <-chan reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, nil, c.err
	}
	c.lastID++
	answer := make(chan reply, 1) // the reader never waits for a caller
	c.waiting[c.lastID] = answer
	return c.lastID, answer, nil
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// send writes one line. A write that was cut short leaves half a line on the
// wire, so it ends the client.
func (c *Client) send(ctx context.Context, line []byte) error {
	select {
	case <-c.write:
	case <-ctx.Done():
		return notSent(ctx.Err())
	case <-c.done:
		return notSent(c.Err())
	}
	defer func() { c.write <- struct{}{} }()
	if err := ctx.Err(); err != nil {
		return notSent(err)
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.conn.SetWriteDeadline(time.Unix(1, 0))
		close(fired)
	})
	n, err := c.conn.Write(line)
	if !stop() { // the deadline is not for the next writer
		<-fired
		_ = c.conn.SetWriteDeadline(time.Time{})
	}
	switch {
	case err == nil:
		return nil // a late end of ctx is seen while the reply is awaited
	case n == 0 && errors.Is(err, os.ErrDeadlineExceeded):
		return notSent(ctx.Err())
	}
	// Without its LF a line is no request, and the server does not begin it.
	c.fail(fmt.Errorf("%w: %w", ErrUnreachable, rootCause(err)))
	if ctx.Err() != nil {
		return notSent(ctx.Err())
	}
	return notSent(c.Err())
}

// fail marks the client dead, closes the connection and answers all who wait.
// Only the first reason counts.
func (c *Client) fail(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = reason
	c.conn.Close()
	for _, answer := range c.waiting {
		answer <- reply{err: reason}
	}
	clear(c.waiting)
}

// read is the client's own goroutine: it hands every line to whom it is for.
func (c *Client) read() {
	defer close(c.done)
	for {
		line, err := ReadLine(c.in, c.opts.maxReply())
		if err == nil {
			err = c.dispatch(line)
		}
		switch {
		case err == nil:
		case errors.Is(err, ErrProtocol):
			c.fail(err)
			return
		case errors.Is(err, ErrLineTooLong):
			c.fail(fmt.Errorf("%w: reply: %w", ErrProtocol, err))
			return
		default:
			c.fail(fmt.Errorf("%w: %w", ErrUnreachable, rootCause(err)))
			return
		}
	}
}

// dispatch hands one line to the call or the feed that it belongs to.
func (c *Client) dispatch(line []byte) error {
	var message struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
		Result json.RawMessage `json:"result"`
		Error  *wireError      `json:"error"`
	}
	if err := json.Unmarshal(line, &message); err != nil {
		return fmt.Errorf("%w: a line is no message: %q", ErrProtocol, excerpt(line))
	}
	if message.Method != "" {
		c.mu.Lock()
		notify := c.notify
		c.mu.Unlock()
		if notify != nil {
			notify(message.Method, message.Params)
		}
		return nil
	}
	if message.Error != nil && (message.ID == nil || bytes.Equal(message.ID, []byte("null"))) {
		// The server could not even read a request, or does not want us.
		return fmt.Errorf("%w: %w", ErrUnreachable, message.Error.typed())
	}
	id, err := strconv.ParseUint(string(message.ID), 10, 64)
	if err != nil || (message.Result == nil) == (message.Error == nil) {
		return fmt.Errorf("%w: a line is no reply: %q", ErrProtocol, excerpt(line))
	}
	r := reply{result: message.Result}
	if message.Error != nil {
		r.err = message.Error.typed()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer, ok := c.waiting[id]; ok { // else its caller has gone
		delete(c.waiting, id)
		answer <- r
	}
	return nil
}

func decodeReply(method string, r reply, result any) error {
	if r.err != nil {
		var e *Error
		if errors.As(r.err, &e) {
			return r.err
		}
		return fmt.Errorf("%s: %w", method, r.err)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(r.result, result); err != nil {
		return fmt.Errorf("%w: result of %s: %w", ErrProtocol, method, err)
	}
	return nil
}

// wireError is an Error whose data is not yet decoded.
type wireError struct {
	Code    Code            `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

// typed decodes the data by the code.
func (w *wireError) typed() *Error {
	e := &Error{Code: w.Code, Message: w.Message}
	if len(w.Data) == 0 {
		return e
	}
	var data any
	switch w.Code {
	case CodeInvalidParams:
		data = new(ParamProblem)
	case CodeMethodNotFound:
		data = new(MethodProblem)
	default:
		data = new(any)
	}
	if json.Unmarshal(w.Data, data) != nil {
		return e
	}
	if loose, ok := data.(*any); ok {
		data = *loose
	}
	e.Data = data
	return e
}
