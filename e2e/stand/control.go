package stand

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"seraph/e2e/wait"
)

// Control is a client of the control socket, written from the protocol's
// description and not from the product's own client.
type Control struct {
	t      testing.TB
	conn   net.Conn
	in     *bufio.Reader
	lastID int
}

// ControlError is an error that the router answered.
type ControlError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

func (e *ControlError) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Message) }

// controlPatience bounds every exchange on the control socket.
const controlPatience = 5 * time.Second

// dialControl connects and reads the greeting.
func dialControl(t testing.TB, path string) (*Control, error) {
	conn, err := net.DialTimeout("unix", path, controlPatience)
	if err != nil {
		return nil, err
	}
	c := &Control{t: t, conn: conn, in: bufio.NewReader(conn)}
	var hello struct {
		Method string `json:"method"`
	}
	if err := c.readLine(&hello); err != nil || hello.Method != "hello" {
		conn.Close()
		return nil, fmt.Errorf("first line is %q, not hello: %w", hello.Method, err)
	}
	return c, nil
}

// Close closes the connection.
func (c *Control) Close() { _ = c.conn.Close() }

func (c *Control) readLine(into any) error {
	if err := c.conn.SetReadDeadline(time.Now().Add(controlPatience)); err != nil {
		return err
	}
	line, err := c.in.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

// Call calls a method; result may be nil. An error of the router is a *ControlError.
func (c *Control) Call(result any, method string, params any) error {
	c.lastID++
	request := map[string]any{"jsonrpc": "2.0", "id": c.lastID, "method": method}
	if params != nil {
		request["params"] = params
	}
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		return err
	}
	for {
		var answer struct {
			ID     *int            `json:"id"`
			Result json.RawMessage `json:"result"`
			Error  *ControlError   `json:"error"`
		}
		if err := c.readLine(&answer); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		if answer.ID == nil || *answer.ID != c.lastID {
			continue // a notification
		}
		if answer.Error != nil {
			return answer.Error
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(answer.Result, result)
	}
}

// Event is one event of a feed.
type Event struct {
	Topic string          `json:"topic"`
	Seq   uint64          `json:"seq"`
	Data  json.RawMessage `json:"data"`
}

// Subscribe turns the connection into a feed of these topics; read it with Next.
func (c *Control) Subscribe(topics ...string) {
	c.t.Helper()
	if err := c.Call(nil, "events.subscribe", map[string]any{"topics": topics}); err != nil {
		c.t.Fatalf("events.subscribe: %v", err)
	}
}

// Next waits for the next event of the feed.
func (c *Control) Next() Event {
	c.t.Helper()
	var n struct {
		Method string `json:"method"`
		Params Event  `json:"params"`
	}
	if err := c.readLine(&n); err != nil {
		c.t.Fatalf("next event: %v", err)
	}
	return n.Params
}

// Control connects to the router's control socket; the connection closes with the test.
func (s *Stand) Control() *Control {
	s.t.Helper()
	c, err := dialControl(s.t, s.CtlSocket())
	if err != nil {
		s.t.Fatalf("control socket: %v", err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// Call calls one control method on a connection of its own.
func (s *Stand) Call(result any, method string, params any) {
	s.t.Helper()
	c, err := dialControl(s.t, s.CtlSocket())
	if err != nil {
		s.t.Fatalf("control socket: %v", err)
	}
	defer c.Close()
	if err := c.Call(result, method, params); err != nil {
		s.t.Fatalf("%s: %v", method, err)
	}
}

// Statistics are all statistics as "group:name" → value.
func (s *Stand) Statistics() map[string]int64 {
	s.t.Helper()
	var lines []string
	s.Call(&lines, "stats.get_statistics", []string{"all"})
	stats, err := parseStatistics(lines)
	if err != nil {
		s.t.Fatal(err)
	}
	return stats
}

func parseStatistics(lines []string) (map[string]int64, error) {
	stats := map[string]int64{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, " = ")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("statistic %q: %w", line, err)
		}
		stats[name] = n
	}
	return stats, nil
}

// leakDeadline is 64·T1 + 5 s: after it no transaction, dialog or click-to-dial
// attempt of a finished test may be left (T1 = 500 ms, RFC 3261 §17).
const leakDeadline = 64*500*time.Millisecond + 5*time.Second

// NothingLeftNow waits until the router holds no transaction, no dialog of its own
// and no click-to-dial attempt, and the statistics named beside are 0.
func (s *Stand) NothingLeftNow(more ...string) {
	s.t.Helper()
	if OnKamailio() {
		return
	}
	wait.For(s.t, leakDeadline, "nothing is left in the router", func() error { return left(s.Statistics(), more) })
}

// left is an error that names what a router still holds.
func left(stats map[string]int64, more []string) error {
	for _, name := range append([]string{"tm:current", "ua:dialogs", "ctd:active"}, more...) {
		n, ok := stats[name]
		if !ok {
			return fmt.Errorf("there is no statistic %s", name)
		}
		if n != 0 {
			return fmt.Errorf("%s = %d", name, n)
		}
	}
	return nil
}
