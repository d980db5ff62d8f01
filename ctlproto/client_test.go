package ctlproto

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const goodHello = `{"jsonrpc":"2.0","method":"hello","params":{"name":"fake","version":"1","protocol":1}}`

// peer is the server's end of a pipe, played by the test.
type peer struct {
	t  *testing.T
	nc net.Conn
	in *bufio.Reader
}

func (p *peer) send(line string) {
	p.t.Helper()
	if _, err := p.nc.Write([]byte(line + "\n")); err != nil {
		p.t.Errorf("peer: write: %v", err)
	}
}

// receive reads one request.
func (p *peer) receive() Request {
	p.t.Helper()
	line, err := ReadLine(p.in, MaxRequest)
	if err != nil {
		p.t.Errorf("peer: read: %v", err)
		return Request{}
	}
	var request Request
	if err := json.Unmarshal(line, &request); err != nil {
		p.t.Errorf("peer: %v in %s", err, line)
	}
	return request
}

// connect makes a client and the peer that it talks to.
func connect(t *testing.T, d Dialer) (*Client, *peer) {
	t.Helper()
	a, b := net.Pipe()
	p := &peer{t: t, nc: b, in: bufio.NewReader(b)}
	go p.send(goodHello)
	c, err := d.Client(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(); c.Close() })
	return c, p
}

func TestHello(t *testing.T) {
	for name, tc := range map[string]struct {
		first string
		want  error
		text  string
	}{
		"other version": {`{"jsonrpc":"2.0","method":"hello","params":{"name":"seraph-proxy","version":"9.1","protocol":2}}`, nil, "seraph-proxy 9.1 speaks version 2"},
		"no hello":      {`{"jsonrpc":"2.0","id":1,"result":{}}`, ErrProtocol, "no hello"},
		"garbage":       {"220 mail.example.org ESMTP", ErrProtocol, "220 mail"},
		"full":          {`{"jsonrpc":"2.0","id":null,"error":{"code":-32003,"message":"64 control connections are open"}}`, ErrUnreachable, "64 control"},
		"too long":      {strings.Repeat("x", MaxRequest+1), ErrProtocol, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := net.Pipe()
			defer b.Close()
			go func() { _, _ = b.Write([]byte(tc.first + "\n")) }()
			var d Dialer
			_, err := d.Client(t.Context(), a)
			if err == nil || !strings.Contains(err.Error(), tc.text) || tc.want != nil && !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v with %q", err, tc.want, tc.text)
			}
			var other *IncompatibleError
			if got := errors.As(err, &other); got != (tc.want == nil) {
				t.Errorf("IncompatibleError: %v", got)
			}
		})
	}
}

func TestHelloNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer b.Close()
		start := time.Now()
		var d Dialer
		_, err := d.Client(t.Context(), a)
		if !errors.Is(err, ErrUnreachable) || time.Since(start) != DefaultDialTimeout {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestDialErrors(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		path string
		want error
		text string
	}{
		"missing":    {filepath.Join(folder, "none"), ErrUnreachable, "no such file"},
		"no socket":  {file, ErrUnreachable, "refused"},
		"too long":   {"/" + strings.Repeat("x", MaxSocketPath), nil, "at most 107"},
		"empty":      {"", nil, "empty path"},
		"abstract":   {"@x", nil, "not the path"},
		"NUL inside": {"/tmp/a\x00b", nil, "NUL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Dial(t.Context(), tc.path)
			if err == nil || !strings.Contains(err.Error(), tc.text) || tc.want != nil && !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v with %q", err, tc.want, tc.text)
			}
		})
	}
}

func TestCallsShareTheConnection(t *testing.T) {
	c, p := connect(t, Dialer{})
	const calls = 50
	go func() { // answers in reverse order
		requests := make([]Request, calls)
		for i := range requests {
			requests[i] = p.receive()
		}
		for i := calls - 1; i >= 0; i-- {
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, requests[i].ID, requests[i].Params))
		}
	}()
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			var got []int
			if err := c.Call(t.Context(), "echo", []int{i}, &got); err != nil || len(got) != 1 || got[0] != i {
				t.Errorf("call %d: %v, %v", i, got, err)
			}
		})
	}
	wg.Wait()
}

func TestCallErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		reply string
		check func(error) bool
	}{
		"refused with data": {
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params: aor: missing","data":{"field":"aor","problem":"missing"}}}`,
			func(err error) bool {
				var e *Error
				p, ok := (*ParamProblem)(nil), errors.As(err, &e)
				if ok {
					p, ok = e.Data.(*ParamProblem)
				}
				return ok && p.Field == "aor" && CodeOf(err) == CodeInvalidParams
			},
		},
		"unknown method": {
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found","data":{"method":"x","nearest":"y"}}}`,
			func(err error) bool {
				var e *Error
				if !errors.As(err, &e) {
					return false
				}
				p, ok := e.Data.(*MethodProblem)
				return ok && p.Nearest == "y"
			},
		},
		"odd data":    {`{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"m","data":[1]}}`, func(err error) bool { return CodeOf(err) == CodeNotFound }},
		"wrong shape": {`{"jsonrpc":"2.0","id":1,"result":{"a":1}}`, func(err error) bool { return errors.Is(err, ErrProtocol) }},
		"no message":  {`hallo`, func(err error) bool { return errors.Is(err, ErrProtocol) }},
		"neither":     {`{"jsonrpc":"2.0","id":1}`, func(err error) bool { return errors.Is(err, ErrProtocol) }},
		"fatal":       {`{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"m"}}`, func(err error) bool { return errors.Is(err, ErrUnreachable) }},
		"too long":    {`"` + strings.Repeat("x", 1000) + `"`, func(err error) bool { return errors.Is(err, ErrProtocol) }},
	} {
		t.Run(name, func(t *testing.T) {
			c, p := connect(t, Dialer{MaxReply: 500})
			go func() {
				p.receive()
				_, _ = p.nc.Write([]byte(tc.reply + "\n")) // the client may hang up midway
			}()
			var result string
			if err := c.Call(t.Context(), "m", nil, &result); !tc.check(err) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestConnectionBreaks(t *testing.T) {
	c, p := connect(t, Dialer{})
	go func() {
		p.receive()
		_, _ = p.nc.Write([]byte(`{"jsonrpc":"2.0","id":1,"res`)) // half a reply
		p.nc.Close()
	}()
	if _, err := c.CoreVersion(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("call: %v", err)
	}
	<-c.Done()
	if _, err := c.CoreVersion(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("later call: %v", err)
	}
}

func TestCloseEndsCalls(t *testing.T) {
	c, p := connect(t, Dialer{})
	go func() {
		p.receive()
		c.Close()
	}()
	if _, err := c.CoreVersion(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("call: %v", err)
	}
}

// TestCancelledCall: the client stays usable after a call was given up, while
// its request was written and while its reply was awaited.
func TestCancelledCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, Dialer{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Call(ctx, "unread", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("unread request: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		go func() {
			late := p.receive()
			cancel()
			synctest.Wait()
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":"late"}`, late.ID))
			next := p.receive()
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":"mine"}`, next.ID))
		}()
		if err := c.Call(ctx, "unanswered", nil, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("unanswered request: %v", err)
		}
		if got, err := c.CoreVersion(t.Context()); got != "mine" || err != nil {
			t.Errorf("next call: %q, %v", got, err)
		}
	})
}

func TestCallTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, Dialer{CallTimeout: 3 * time.Second})
		go p.receive()
		start := time.Now()
		_, err := c.CoreVersion(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// TestSendTimeout: a message may wait for a phone longer than other calls, and
// a caller's own deadline counts.
func TestSendTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, Dialer{CallTimeout: 3 * time.Second})
		go func() { p.receive(); p.receive() }()
		for _, limit := range []time.Duration{0, 2 * time.Second} {
			ctx, want := t.Context(), DefaultSendTimeout
			if limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, limit)
				defer cancel()
				want = limit
			}
			start := time.Now()
			if _, err := c.ImSend(ctx, ImSendParams{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != want {
				t.Errorf("after %v, want %v: %v", time.Since(start), want, err)
			}
		}
	})
}

func TestRequestTooLong(t *testing.T) {
	c, p := connect(t, Dialer{})
	if err := c.Call(t.Context(), "m", []string{strings.Repeat("x", MaxRequest)}, nil); CodeOf(err) != CodeTooLarge {
		t.Errorf("error %v", err)
	}
	go func() { p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":"x"}`, p.receive().ID)) }()
	if _, err := c.CoreVersion(t.Context()); err != nil {
		t.Errorf("next call: %v", err)
	}
}

func TestReadLine(t *testing.T) {
	in := bufio.NewReaderSize(strings.NewReader("one\r\n\ntwelve bytes\nthirteen bytes\nrest"), 16)
	for _, want := range []string{"one", "", "twelve bytes"} {
		if got, err := ReadLine(in, 12); string(got) != want || err != nil {
			t.Errorf("ReadLine: %q, %v; want %q", got, err, want)
		}
	}
	if _, err := ReadLine(in, 12); !errors.Is(err, ErrLineTooLong) {
		t.Errorf("long line: %v", err)
	}
	half := bufio.NewReader(strings.NewReader("half"))
	if _, err := ReadLine(half, 12); err == nil || err.Error() != "unexpected EOF" {
		t.Errorf("half line: %v", err)
	}
}
