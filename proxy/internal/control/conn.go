package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"seraph/ctlproto"
)

// conn is one connection. Its goroutines: serve reads, one for each request at
// work (at most Limits.InFlight), and one that sends events once it is a feed.
type conn struct {
	server *Server
	nc     net.Conn
	in     *bufio.Reader
	ctx    context.Context // ends when the connection is closed
	cancel context.CancelFunc
	slots  chan struct{}  // a token for each request at work
	calls  sync.WaitGroup // requests at work

	used    atomic.Int64  // when it was last used, in Unix nanoseconds
	writing chan struct{} // holds one token: whoever has it may write a line

	subscribing sync.Mutex // held while a feed is opened
	mu          sync.Mutex
	feed        *feed // nil = ordinary connection
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{
		server: s, nc: nc, in: bufio.NewReader(nc),
		slots: make(chan struct{}, s.cfg.Limits.InFlight), writing: make(chan struct{}, 1),
	}
	c.writing <- struct{}{}
	c.used.Store(time.Now().UnixNano())
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	return c
}

// serve says hello and answers requests until the peer ends or stopReading.
// What is then at work is finished and answered: a peer may close its side
// right after its last request (as nc does) and still wants the reply.
func (c *conn) serve() {
	cfg := &c.server.cfg
	hello := ctlproto.Hello{Name: cfg.Name, Version: cfg.Version, Protocol: ctlproto.ProtocolVersion}
	if c.writeLine(encodeNotification(ctlproto.NotifyHello, hello)) != nil {
		return
	}
	c.readRequests()
	c.calls.Wait()
	if f := c.currentFeed(); f != nil {
		c.server.feeds.end(f)
		<-f.done
	}
}

func (c *conn) readRequests() {
	for {
		line, err := ctlproto.ReadLine(c.in, ctlproto.MaxRequest)
		switch {
		case errors.Is(err, ctlproto.ErrLineTooLong):
			// The rest of the line is unread, so nothing can follow it.
			_ = c.writeLine(encodeError(nil, ctlproto.Errorf(ctlproto.CodeTooLarge,
				"the request has over %d bytes; the connection ends here", ctlproto.MaxRequest)))
			return
		case errors.Is(err, io.ErrUnexpectedEOF):
			return // half a line is no request
		case err != nil:
			return
		case len(line) == 0:
			continue
		}
		select {
		case c.slots <- struct{}{}: // when all are taken, the peer waits
		case <-c.ctx.Done():
			return
		}
		c.calls.Add(1)
		go func() {
			defer c.calls.Done()
			defer func() {
				c.used.Store(time.Now().UnixNano())
				<-c.slots
			}()
			c.answer(line)
		}()
	}
}

// stopReading makes serve finish.
func (c *conn) stopReading() {
	_ = c.nc.SetReadDeadline(time.Unix(1, 0))
}

func (c *conn) close() {
	c.cancel()
	c.nc.Close()
}

// answer handles one request line.
func (c *conn) answer(line []byte) {
	request, refusal := parseRequest(line)
	if refusal != nil {
		_ = c.writeLine(encodeError(request.ID, refusal))
		return
	}
	if late(request) {
		c.reply(request, nil, ctlproto.Errorf(ctlproto.CodeUnavailable, "%s came after its deadline and was not begun", shorten(request.Method)))
		return
	}
	if request.Method == ctlproto.MethodEventSubscribe {
		c.subscribe(request)
		return
	}
	if c.currentFeed() != nil {
		c.reply(request, nil, ctlproto.Errorf(ctlproto.CodeRefused,
			"this connection is an event feed; call %s on another one", request.Method))
		return
	}
	result, err := c.server.call(c.ctx, caller{gone: c.gone}, request)
	undelivered := func() {}
	switch r := result.(type) {
	case *largeResult:
		defer r.release()
		result = r.raw
	case *pendingResult:
		result, undelivered = r.result, r.hangUp
	}
	if !c.reply(request, result, err) {
		undelivered()
	}
}

// late reports whether whoever made a request has stopped waiting for it. Such a one said
// that nothing was done, or tries again: it must not be carried out behind their back.
func late(request ctlproto.Request) bool {
	return request.Deadline > 0 && time.Now().UnixMilli() > request.Deadline
}

// reply sends the outcome of a request, unless it was a notification. It reports
// whether that went out.
func (c *conn) reply(request ctlproto.Request, result any, err *ctlproto.Error) bool {
	if request.ID == nil {
		return true
	}
	if err != nil {
		return c.writeLine(encodeError(request.ID, err)) == nil
	}
	raw, ok := result.(json.RawMessage)
	if !ok {
		var failure error
		if raw, failure = json.Marshal(result); failure != nil {
			c.server.cfg.Log.Error("control: result cannot be encoded", "method", request.Method, "error", failure)
			return c.writeLine(encodeError(request.ID, internalError())) == nil
		}
	}
	head, tail := resultEnvelope(request.ID)
	if len(head)+len(raw)+len(tail) > c.server.cfg.Limits.Reply {
		return c.writeLine(encodeError(request.ID, tooLarge())) == nil
	}
	return c.writeLine(head, raw, tail) == nil
}

// writeLine writes the parts of one line, LF included. If that fails or takes
// too long, the connection is of no more use and is closed.
func (c *conn) writeLine(parts ...[]byte) error {
	select {
	case <-c.writing:
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
	defer func() { c.writing <- struct{}{} }()
	_ = c.nc.SetWriteDeadline(time.Now().Add(c.server.cfg.Limits.WriteTimeout))
	buffers := net.Buffers(parts)
	_, err := buffers.WriteTo(c.nc)
	if err != nil {
		c.close()
	}
	return err
}

func (c *conn) currentFeed() *feed {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.feed
}

// subscribe makes the connection a feed, or gives its feed other topics.
func (c *conn) subscribe(request ctlproto.Request) {
	names, err := subscribeParams(request.Params)
	if err != nil {
		c.reply(request, nil, err)
		return
	}
	c.subscribing.Lock()
	defer c.subscribing.Unlock()
	old := c.currentFeed()
	next, seq := c.server.feeds.replace(old, names)
	if old != nil {
		<-old.done // its last lines go before the reply
	}
	c.mu.Lock()
	c.feed = next
	c.mu.Unlock()
	c.reply(request, ctlproto.SubscribeResult{Topics: names, Seq: seq}, nil)
	go c.pump(next)
}

// pump sends the events of a feed until it ends.
func (c *conn) pump(f *feed) {
	defer close(f.done)
	defer c.server.feeds.end(f)
	for {
		lines, over := c.server.feeds.take(f)
		for _, line := range lines {
			if c.writeLine(line) != nil {
				return
			}
		}
		if over {
			return
		}
		select {
		case <-f.wake:
		case <-c.ctx.Done():
			return
		}
	}
}
