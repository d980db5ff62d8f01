package mailer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var decoder = new(mime.WordDecoder)

func transferDecoder(m *mail.Message) io.Reader {
	if strings.EqualFold(m.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		return quotedprintable.NewReader(m.Body)
	}
	return m.Body
}

// paper is a sender that does what it is told.
type paper struct {
	mu    sync.Mutex
	fails []error // one a try; then all is well
	times []time.Time
	sent  []string
	block chan struct{} // if not nil, each waits for it
}

func (p *paper) Send(ctx context.Context, m Message) error {
	if p.block != nil {
		select {
		case <-p.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.times = append(p.times, time.Now())
	if len(p.fails) > 0 {
		err := p.fails[0]
		p.fails = p.fails[1:]
		return err
	}
	p.sent = append(p.sent, m.Subject)
	return nil
}

func (p *paper) list() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.sent, " ")
}

// run runs a queue in a bubble.
func run(t *testing.T, q *Queue) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { q.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
}

func TestQueueTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("away")
		p := &paper{fails: []error{away, away, away}}
		q := NewQueue(p, 0, slog.New(slog.DiscardHandler))
		start := time.Now()
		run(t, q)
		q.Put(Message{Subject: "one"})
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if p.list() != "one" || q.Len() != 0 {
			t.Fatalf("sent %q, %d wait", p.list(), q.Len())
		}
		var after []string
		for _, at := range p.times {
			after = append(after, at.Sub(start).String())
		}
		if got := fmt.Sprint(after); got != "[0s 10s 1m10s 6m10s]" {
			t.Errorf("tried after %s", got)
		}
	})
}

func TestQueueGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &paper{fails: slicesOf(errors.New("away"), 100)}
		q := NewQueue(p, 0, slog.New(slog.NewTextHandler(&log, nil)))
		run(t, q)
		q.Put(Message{Subject: "one", Text: "token-in-a-text", To: "alice@example.org"})
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if len(p.times) != 6 || q.Len() != 0 || !strings.Contains(log.String(), "given up") {
			t.Errorf("%d tries, %d wait, log:\n%s", len(p.times), q.Len(), &log)
		}
		if strings.Contains(log.String(), "token-in-a-text") {
			t.Error("the log holds the text")
		}
		p.fails = []error{&PermanentError{errors.New("550")}}
		q.Put(Message{Subject: "two"})
		q.Put(Message{Subject: "three"})
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(p.times) != 8 || p.list() != "three" && p.list() != "two" {
			t.Errorf("refused for good: %d tries, sent %q", len(p.times), p.list())
		}
	})
}

func slicesOf(err error, n int) (list []error) {
	for range n {
		list = append(list, err)
	}
	return list
}

// TestQueueIsBounded: a flood of one kind finds no room, whatever the mail server
// does, the other kinds do, and what waited is sent when it is back.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{block: make(chan struct{})}
		q := NewQueue(p, 60, slog.New(slog.DiscardHandler))
		run(t, q)
		for kind, most := range map[Kind]int{Notice: 10, SignUp: 10, Change: 10} {
			taken := 0
			for range 1000 {
				if !q.Room(kind, most-taken) || q.Room(kind, most-taken+1) {
					t.Fatalf("kind %d: %d are taken, and there is room for another number than %d", kind, taken, most-taken)
				}
				if q.Put(Message{Subject: fmt.Sprint(kind), Kind: kind}) {
					taken++
				}
				synctest.Wait()
			}
			if taken != most {
				t.Errorf("kind %d: %d taken, want %d", kind, taken, most)
			}
		}
		for i := range 1000 { // the newest are kept
			if !q.Put(Message{Subject: fmt.Sprintf("reset%d", i), Kind: Reset}) {
				t.Fatalf("reset %d finds no place", i)
			}
			synctest.Wait()
		}
		if q.Len() != 60 {
			t.Errorf("%d wait", q.Len())
		}
		close(p.block)
		time.Sleep(time.Second)
		synctest.Wait()
		sent := strings.Fields(p.list())
		if len(sent) != 60 || q.Len() != 0 || !slices.Contains(sent, "reset999") || !slices.Contains(sent, "reset970") || slices.Contains(sent, "reset5") {
			t.Errorf("%d sent, %d wait: %v", len(sent), q.Len(), sent)
		}
	})
}
