// Package ctltest is a control server for the tests of those who call one:
// methods are functions of the test, calls are recorded, events are published
// by hand.
package ctltest

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"seraph/ctlproto"
)

// Handler answers one method. The result is encoded as JSON.
type Handler func(params json.RawMessage) (result any, err *ctlproto.Error)

// Call is one recorded request.
type Call struct {
	Method string
	Params json.RawMessage
}

// Server is a control server on a Unix socket of its own. It ends with the test.
type Server struct {
	// Path of the socket.
	Path string

	hello    ctlproto.Hello
	methods  map[string]Handler
	listener net.Listener

	mu    sync.Mutex
	seq   uint64
	calls []Call
	conns map[*conn]struct{}
	hung  chan struct{} // nil, or closed once it is awake again
}

// conn is one connection and, once it has subscribed, its topics.
type conn struct {
	net.Conn
	topics []string
}

// Result is a Handler that always gives the same result.
func Result(result any) Handler {
	return func(json.RawMessage) (any, *ctlproto.Error) { return result, nil }
}

// Refuse is a Handler that always fails.
func Refuse(code ctlproto.Code, message string) Handler {
	return func(json.RawMessage) (any, *ctlproto.Error) { return nil, ctlproto.Errorf(code, "%s", message) }
}

// Serve starts a server with these methods; events.subscribe is its own.
func Serve(t testing.TB, methods map[string]Handler) *Server {
	return ServeHello(t, ctlproto.Hello{Name: "ctltest", Version: "0", Protocol: ctlproto.ProtocolVersion}, methods)
}

// ServeHello is Serve with another hello.
func ServeHello(t testing.TB, hello ctlproto.Hello, methods map[string]Handler) *Server {
	t.Helper()
	folder, err := os.MkdirTemp("", "ctl") // t.TempDir may be longer than a socket's path can be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return ServeAt(t, filepath.Join(folder, "sock"), hello, methods)
}

// ServeAt is ServeHello with a path of the test's choice.
func ServeAt(t testing.TB, path string, hello ctlproto.Hello, methods map[string]Handler) *Server {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Path: path, hello: hello, methods: methods, listener: l, conns: make(map[*conn]struct{})}
	t.Cleanup(s.Close)
	go s.accept()
	return s
}

// Close ends the server and its connections. It may be called more than once.
func (s *Server) Close() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
	s.wake()
}

// Hang makes the server take what it is sent and answer nothing, as a process does that
// was stopped, until Wake or Close: then it answers all of it.
func (s *Server) Hang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hung == nil {
		s.hung = make(chan struct{})
	}
}

// Wake ends Hang.
func (s *Server) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake()
}

// wake is Wake for a caller that holds Server.mu.
func (s *Server) wake() {
	if s.hung != nil {
		close(s.hung)
		s.hung = nil
	}
}

// untilAwake waits while the server hangs.
func (s *Server) untilAwake() {
	s.mu.Lock()
	hung := s.hung
	s.mu.Unlock()
	if hung != nil {
		<-hung
	}
}

// Calls are the requests so far, events.subscribe excepted.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Publish sends an event to every connection that subscribed to topic, and
// returns how many there were.
func (s *Server) Publish(topic string, data any) int {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	return s.notify(topic, ctlproto.NotifyEvent, ctlproto.Event{Topic: topic, Seq: s.seq, Data: raw})
}

// Lose tells every subscriber of topic that events were lost, which ends its
// feed until it subscribes again.
func (s *Server) Lose(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify(topic, ctlproto.NotifyLost, ctlproto.Lost{Seq: s.seq})
	for c := range s.conns {
		if slices.Contains(c.topics, topic) {
			c.topics = nil
		}
	}
}

func (s *Server) notify(topic, method string, params any) (reached int) {
	for c := range s.conns {
		if slices.Contains(c.topics, topic) {
			c.send(map[string]any{"jsonrpc": ctlproto.Version, "method": method, "params": params})
			reached++
		}
	}
	return reached
}

func (s *Server) accept() {
	for {
		nc, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		c := &conn{Conn: nc}
		s.untilAwake()
		s.mu.Lock()
		s.conns[c] = struct{}{}
		c.send(map[string]any{"jsonrpc": ctlproto.Version, "method": ctlproto.NotifyHello, "params": s.hello})
		s.mu.Unlock()
		go s.serve(c)
	}
}

func (s *Server) serve(c *conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
	}()
	in := bufio.NewReader(c)
	for {
		line, err := ctlproto.ReadLine(in, ctlproto.MaxRequest)
		if err != nil {
			return
		}
		var request ctlproto.Request
		if json.Unmarshal(line, &request) != nil {
			return
		}
		s.untilAwake()
		s.answer(c, request)
	}
}

func (s *Server) answer(c *conn, request ctlproto.Request) {
	if request.Method == ctlproto.MethodEventSubscribe {
		s.mu.Lock()
		defer s.mu.Unlock()
		var p ctlproto.SubscribeParams
		if json.Unmarshal(request.Params, &p) != nil {
			return
		}
		c.topics = p.Topics
		c.reply(request, ctlproto.SubscribeResult{Topics: p.Topics, Seq: s.seq}, nil)
		return
	}
	s.mu.Lock()
	s.calls = append(s.calls, Call{Method: request.Method, Params: request.Params})
	s.mu.Unlock()
	var result any
	refusal := ctlproto.Errorf(ctlproto.CodeMethodNotFound, "Method not found: %q", request.Method)
	if handler, ok := s.methods[request.Method]; ok {
		result, refusal = handler(request.Params)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.reply(request, result, refusal)
}

func (c *conn) reply(request ctlproto.Request, result any, refusal *ctlproto.Error) {
	reply := map[string]any{"jsonrpc": ctlproto.Version, "id": request.ID}
	if refusal != nil {
		reply["error"] = refusal
	} else {
		reply["result"] = result
	}
	c.send(reply)
}

// send writes one line; the caller holds Server.mu. A peer that has gone is
// noticed by the reader.
func (c *conn) send(message any) {
	line, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	_, _ = c.Write(append(line, '\n'))
}
