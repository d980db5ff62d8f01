package baresip

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxNetstring bounds what a phone may send in one piece.
const maxNetstring = 1 << 20

// control is the connection to ctrl_tcp: JSON in netstrings, commands one way,
// answers and events the other.
type control struct {
	conn    net.Conn
	mu      sync.Mutex
	events  []string // not yet taken
	history []string
	answers chan answer
}

type answer struct {
	Response bool   `json:"response"`
	OK       bool   `json:"ok"`
	Data     string `json:"data"`
	Type     string `json:"type"` // of an event
	Event    bool   `json:"event"`
}

func dialControl(port int) (*control, error) {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
	if err != nil {
		return nil, err
	}
	c := &control{conn: conn, answers: make(chan answer, 16)}
	go c.read()
	return c, nil
}

func (c *control) read() {
	defer close(c.answers)
	in := bufio.NewReader(c.conn)
	for {
		a, err := readNetstring(in)
		if err != nil {
			return
		}
		if a.Response {
			c.answers <- a
			continue
		}
		c.mu.Lock()
		c.events = append(c.events, a.Type)
		c.history = append(c.history, a.Type)
		c.mu.Unlock()
	}
}

func readNetstring(in *bufio.Reader) (answer, error) {
	var a answer
	length, err := in.ReadString(':')
	if err != nil {
		return a, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil || n < 0 || n > maxNetstring {
		return a, fmt.Errorf("netstring length %q", length)
	}
	text := make([]byte, n+1) // and its comma
	if _, err := io.ReadFull(in, text); err != nil {
		return a, err
	}
	return a, json.Unmarshal(text[:n], &a)
}

func (c *control) run(command, params string) error {
	text, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.conn, "%d:%s,", len(text), text); err != nil {
		return err
	}
	select {
	case a, open := <-c.answers:
		if !open || !a.OK {
			return fmt.Errorf("refused: %s", a.Data)
		}
		return nil
	case <-time.After(5 * time.Second):
		return fmt.Errorf("no answer within 5 s")
	}
}

// take removes the oldest event of that type; false if there is none.
func (c *control) take(kind string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, e := range c.events {
		if e == kind {
			c.events = append(c.events[:i], c.events[i+1:]...)
			return true
		}
	}
	return false
}

func (c *control) seen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.history...)
}
