package user_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// event is one event of a stream.
type event struct{ name, data string }

// stream is an open /user/events.
type stream struct {
	t        *testing.T
	response *http.Response
	events   chan event // closed when the stream has ended
	comments chan struct{}
}

// listen opens a stream and returns when it has begun.
func (b *browser) listen() *stream {
	b.t.Helper()
	return b.listenAt("/user/events")
}

// listenAt is listen for an address with a query.
func (b *browser) listenAt(path string) *stream {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.site.url+path, nil)
	check(b.t, err)
	r.Header.Set("Accept-Encoding", "gzip, br")
	response, err := b.client.Do(r)
	check(b.t, err)
	s := &stream{b.t, response, make(chan event, 100), make(chan struct{}, 1000)}
	b.t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		b.t.Fatalf("stream: status %d", response.StatusCode)
	}
	go s.read()
	return s
}

func (s *stream) read() {
	defer close(s.events)
	lines := bufio.NewScanner(s.response.Body)
	lines.Buffer(nil, 1<<20)
	var e event
	for lines.Scan() {
		line := lines.Text()
		switch name, value, _ := strings.Cut(line, ": "); {
		case line == "" && e != event{}:
			s.events <- e
			e = event{}
		case name == "event":
			e.name = value
		case name == "data":
			e.data += value
		case strings.HasPrefix(line, ":"):
			s.comments <- struct{}{}
		}
	}
}

// next waits for the next event, which must have the name, and decodes it.
func (s *stream) next(name string, data any) {
	s.t.Helper()
	select {
	case e, ok := <-s.events:
		if !ok {
			s.t.Fatalf("the stream ended before event %q", name)
		}
		if e.name != name {
			s.t.Fatalf("event %q %s, want %q", e.name, e.data, name)
		}
		if data != nil {
			check(s.t, json.Unmarshal([]byte(e.data), data))
		}
	case <-time.After(patience):
		s.t.Fatalf("no event %q", name)
	}
}

// after waits for an event and lets go by those called another, which may come once more.
func (s *stream) after(another, name string) {
	s.t.Helper()
	for end := time.After(patience); ; {
		select {
		case e, ok := <-s.events:
			switch {
			case !ok:
				s.t.Fatalf("the stream ended before event %q", name)
			case e.name == name:
				return
			case e.name != another:
				s.t.Fatalf("event %q %s, want %q", e.name, e.data, name)
			}
		case <-end:
			s.t.Fatalf("no event %q", name)
		}
	}
}

// ends waits for the end of the stream.
func (s *stream) ends() {
	s.t.Helper()
	select {
	case e, ok := <-s.events:
		if ok {
			s.t.Fatalf("event %q %s, want the end of the stream", e.name, e.data)
		}
	case <-time.After(patience):
		s.t.Fatal("the stream does not end")
	}
}

// state is the data of the event "state".
type state struct {
	Presence map[string]string
	Card     card
	Badges   *badges
}

// badges is the data of the event "badges".
type badges struct {
	Missed, Messages int
	Changed          string
}

// card is the data of the event "card".
type card struct{ ID, HTML string }
