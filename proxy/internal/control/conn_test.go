package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
)

// TestFraming: odd lines are answered, and the connection goes on.
func TestFraming(t *testing.T) {
	w := plug(t, start(t, newFakeProxy().config()))
	for _, tc := range []struct{ line, want string }{
		{"garbage", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error: invalid character 'g' looking for beginning of value"}}`},
		{`{"jsonrpc":"2.0"`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error: unexpected end of JSON input"}}`},
		{"\xff\xfe", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error: the line is not UTF-8"}}`},
		{strings.Repeat("[", 20000), `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error: invalid character '[' exceeded max depth"}}`},
		{`7`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request: want an object"}}`},
		{`[{"jsonrpc":"2.0","id":1,"method":"core.version"}]`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request: batches are not served: send one request a line"}}`},
		{`{"id":1,"method":"core.version"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"Invalid request: jsonrpc: want \"2.0\""}}`},
		{`{"jsonrpc":"2.0","id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"Invalid request: method: want a string"}}`},
		{`{"jsonrpc":"2.0","id":1,"METHOD":"core.version"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"Invalid request: method: want a string"}}`},
		{`{"jsonrpc":"2.0","id":{},"method":"core.version"}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request: id: want a number, a string or null of at most 128 bytes"}}`},
		{`{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 127) + `","method":"core.version"}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request: id: want a number, a string or null of at most 128 bytes"}}`},
		{`{"jsonrpc":"2.0","id":"seven","method":"core.version"}`, `{"jsonrpc":"2.0","id":"seven","result":"seraph-proxy 0.1.0"}`},
		{`{"jsonrpc":"2.0","id":null,"method":"core.version"}`, `{"jsonrpc":"2.0","id":null,"result":"seraph-proxy 0.1.0"}`},
		{"\r\n\n{\"jsonrpc\":\"2.0\",\"id\":-1.5,\"method\":\"core.version\"}\r", `{"jsonrpc":"2.0","id":-1.5,"result":"seraph-proxy 0.1.0"}`},
		// A notification is not answered: the reply is the next request's.
		{"{\"jsonrpc\":\"2.0\",\"method\":\"core.version\"}\n{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"core.version\"}", `{"jsonrpc":"2.0","id":9,"result":"seraph-proxy 0.1.0"}`},
	} {
		w.send(tc.line + "\n")
		if got := w.receive(); got != tc.want {
			t.Errorf("%.60q: got\n%s\nwant\n%s", tc.line, got, tc.want)
		}
	}
}

func TestLineTooLong(t *testing.T) {
	w := plug(t, start(t, newFakeProxy().config()))
	go func() { _, _ = w.nc.Write(make([]byte, 2*ctlproto.MaxRequest)) }() // cut short when the server hangs up
	if got := w.receive(); !strings.Contains(got, "-32005") {
		t.Errorf("got %s", got)
	}
	w.ended()
}

func TestHalfLineAndHangUp(t *testing.T) {
	proxy := newFakeProxy()
	s := start(t, proxy.config())
	w := plug(t, s)
	w.send(`{"jsonrpc":"2.0","id":1,"method":"ul.flush"}`)
	w.nc.Close()
	waitFor(t, func() bool { return s.connections() == 0 })
	if len(proxy.done) != 0 {
		t.Errorf("half a line was carried out: %v", proxy.done)
	}
}

func (s *Server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatal("the condition does not come true")
		}
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

// TestPipelined: a thousand requests in one go, all answered once.
func TestPipelined(t *testing.T) {
	const requests = 1000
	w := plug(t, start(t, newFakeProxy().config()))
	go func() {
		var all strings.Builder
		for i := range requests {
			fmt.Fprintf(&all, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"ul.lookup\",\"params\":[\"location\",\"alice@example.org\"]}\n", i)
		}
		_, _ = w.nc.Write([]byte(all.String()))
	}()
	seen := make(map[string]bool)
	for range requests {
		var reply ctlproto.Response
		if err := json.Unmarshal([]byte(w.receive()), &reply); err != nil || reply.Error != nil {
			t.Fatal(err, reply.Error)
		}
		seen[string(reply.ID)] = true
	}
	if len(seen) != requests {
		t.Errorf("%d different replies", len(seen))
	}
}

// TestInFlightIsBounded: with all slots taken the server reads no further, and
// other connections are served.
func TestInFlightIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxy := newFakeProxy()
		proxy.gate = make(chan struct{})
		cfg := proxy.config()
		cfg.Limits.InFlight = 3
		s := start(t, cfg)
		w := plug(t, s)
		sent := make(chan int, 1)
		go func() {
			n := 0
			for range 10 {
				if _, err := w.nc.Write([]byte("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ctd.cancel\",\"params\":[\"x\"]}\n")); err != nil {
					break
				}
				n++
			}
			sent <- n
		}()
		synctest.Wait()
		select {
		case n := <-sent:
			t.Fatalf("the server took %d requests", n)
		default:
		}
		if got := plug(t, s).call("core.version", ""); !strings.Contains(got, "seraph-proxy") {
			t.Errorf("other connection: %s", got)
		}
		close(proxy.gate)
		for range 10 {
			w.receive()
		}
	})
}

// TestCallTakesTooLong: a part of the proxy that hangs does not hold a slot for ever.
func TestCallTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxy := newFakeProxy()
		proxy.gate = make(chan struct{})
		w := plug(t, start(t, proxy.config()))
		start := time.Now()
		_ = w.nc.SetReadDeadline(time.Time{})
		w.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ctd.cancel\",\"params\":[\"x\"]}\n")
		line, err := ctlproto.ReadLine(w.in, 1000)
		if err != nil || !strings.Contains(string(line), "-32004") || time.Since(start) != callLimit {
			t.Errorf("after %v: %s, %v", time.Since(start), line, err)
		}
	})
}

// TestPeerThatDoesNotRead is cut off, and its requests do not pile up.
func TestPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, newFakeProxy().config())
		w := plug(t, s)
		_ = w.nc.SetDeadline(time.Time{})
		go func() {
			for {
				if _, err := w.nc.Write([]byte("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"core.version\"}\n")); err != nil {
					return
				}
			}
		}()
		time.Sleep(s.cfg.Limits.WriteTimeout + time.Second)
		synctest.Wait()
		if n := s.connections(); n != 0 {
			t.Errorf("%d connections left", n)
		}
	})
}

func TestConnectionsAreBounded(t *testing.T) {
	cfg := newFakeProxy().config()
	cfg.Limits.Connections = 2
	s := start(t, cfg)
	first, _ := plug(t, s), plug(t, s)
	ours, theirs := net.Pipe()
	go s.ServeConn(theirs)
	var d ctlproto.Dialer
	_, err := d.Client(t.Context(), ours)
	if err == nil || ctlproto.CodeOf(err) != ctlproto.CodeBusy {
		t.Errorf("third connection: %v", err)
	}
	first.nc.Close()
	waitFor(t, func() bool { return s.connections() == 1 })
	plug(t, s)
}

// TestShutdown: what is at work is finished and answered, then all ends.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxy := newFakeProxy()
		proxy.gate = make(chan struct{})
		s := New(proxy.config())
		w, feed := plug(t, s), plug(t, s)
		feed.call("events.subscribe", `["ctd"]`)
		w.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ctd.cancel\",\"params\":[\"x\"]}\n")
		synctest.Wait()
		s.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{ID: "1"})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Shutdown(t.Context()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		})
		synctest.Wait()
		if got := feed.receive(); !strings.Contains(got, `"method":"event"`) {
			t.Errorf("feed: %s", got)
		}
		feed.ended()
		close(proxy.gate)
		if got := w.receive(); got != `{"jsonrpc":"2.0","id":1,"result":{}}` {
			t.Errorf("reply: %s", got)
		}
		w.ended()
		wg.Wait()
		ours, theirs := net.Pipe()
		go s.ServeConn(theirs)
		var d ctlproto.Dialer
		if _, err := d.Client(t.Context(), ours); ctlproto.CodeOf(err) != ctlproto.CodeUnavailable {
			t.Errorf("after shutdown: %v", err)
		}
	})
}

func TestShutdownCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxy := newFakeProxy()
		proxy.gate = make(chan struct{})
		s := New(proxy.config())
		w := plug(t, s)
		w.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ctd.cancel\",\"params\":[\"x\"]}\n")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err == nil {
			t.Error("shutdown says that all ended well")
		}
		w.ended()
	})
}
