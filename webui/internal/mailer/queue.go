package mailer

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Sender hands one message over; *SMTP is one.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Limits of the queue.
const (
	// DefaultQueue is how many messages wait at most.
	DefaultQueue = 500
	// workers are the messages that are handed over at once.
	workers = 2
)

// Kind is what a mail is about, and with it what part of a queue it may take, so that
// none keeps the others out while the mail server is away: half for Reset, of which the
// oldest makes room for the newest, and a sixth for each other one.
type Kind int

// The kinds.
const (
	Notice Kind = iota // tells somebody of their account
	SignUp             // to an address that a stranger typed
	Change             // what a change of a mail address needs
	Reset              // a link for a forgotten password
	kinds
)

// pauses are the waits between tries. After the last try a message is given up:
// the links in it are good for an hour or for a day.
func pauses() []time.Duration {
	return []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
}

// Queue holds messages until they are handed over. It is in memory only: its
// messages hold tokens, of which the database has hashes. What a restart loses
// people ask for again. Make it with NewQueue, and Run it.
type Queue struct {
	sender Sender
	log    *slog.Logger
	most   int

	mu      sync.Mutex
	waiting []waiting // in no order
	sending int
	// sendingOf is sending by kind.
	sendingOf [kinds]int
	wake      chan struct{} // holds one token
}

// waiting is a message and when it is due.
type waiting struct {
	Message
	tries int
	put   time.Time
	due   time.Time
}

// NewQueue makes a Queue of at most most messages, parted by Kind; 0 is DefaultQueue.
func NewQueue(sender Sender, most int, log *slog.Logger) *Queue {
	if most <= 0 {
		most = DefaultQueue
	}
	return &Queue{sender: sender, most: most, log: log, wake: make(chan struct{}, 1)}
}

// Put queues a message, and says false if there is no room for its kind: the message
// is lost.
func (q *Queue) Put(m Message) bool {
	now := time.Now()
	ok := q.put(waiting{Message: m, put: now, due: now})
	if !ok {
		q.log.Warn("mail: the queue is full for a kind of message, one was dropped", "kind", int(m.Kind), "room", q.share(m.Kind))
	}
	return ok
}

func (q *Queue) put(w waiting) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.room(w.Kind) < 1 && (w.Kind != Reset || !q.makeRoom()) {
		return false
	}
	q.waiting = append(q.waiting, w)
	q.nudge()
	return true
}

// share is how many messages of a kind wait or are on their way at most.
func (q *Queue) share(kind Kind) int {
	if kind == Reset {
		return max(q.most/2, 1)
	}
	return max(q.most/6, 1)
}

// room is how many more messages of a kind can be put now; the caller holds mu.
func (q *Queue) room(kind Kind) int {
	n := q.share(kind) - q.sendingOf[kind]
	for i := range q.waiting {
		if q.waiting[i].Kind == kind {
			n--
		}
	}
	return n
}

// Room reports whether n messages of a kind can be put now.
func (q *Queue) Room(kind Kind, n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.room(kind) >= n
}

// makeRoom drops the reset that waits longest; false if there is none. The caller
// holds mu.
func (q *Queue) makeRoom() bool {
	oldest := -1
	for i := range q.waiting {
		if q.waiting[i].Kind == Reset && (oldest < 0 || q.waiting[i].put.Before(q.waiting[oldest].put)) {
			oldest = i
		}
	}
	if oldest < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, oldest, oldest+1)
	q.log.Warn("mail: the queue is full, the oldest link for a new password was dropped", "waiting", q.most)
	return true
}

// nudge has Run look at the queue again.
func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Len is how many messages wait or are on their way.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) + q.sending
}

// Run hands messages over until ctx ends.
func (q *Queue) Run(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(q.start(ctx, &wait))
		select {
		case <-ctx.Done():
			if n := q.Len(); n > 0 {
				q.log.Warn("mail: the program ends with messages unsent", "messages", n)
			}
			return
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// start hands over what is due, as far as there are workers, and returns when to
// look again.
func (q *Queue) start(ctx context.Context, wait *sync.WaitGroup) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.sending < workers {
		i, in := q.next()
		if i < 0 || in > 0 {
			return in
		}
		w := q.waiting[i]
		q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
		q.sending++
		q.sendingOf[w.Kind]++
		wait.Go(func() { q.send(ctx, w) })
	}
	return time.Hour // one that ends nudges
}

// next is the message that is due first, -1 if there is none, and in how long.
// The caller holds mu.
func (q *Queue) next() (first int, in time.Duration) {
	first = -1
	for i := range q.waiting {
		if first < 0 || q.waiting[i].due.Before(q.waiting[first].due) {
			first = i
		}
	}
	if first < 0 {
		return first, time.Hour
	}
	return first, max(time.Until(q.waiting[first].due), 0)
}

// send hands one message over, or queues it again for later.
func (q *Queue) send(ctx context.Context, w waiting) {
	err := q.sender.Send(ctx, w.Message)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sending--
	q.sendingOf[w.Kind]--
	q.nudge()
	var permanent *PermanentError
	switch {
	case err == nil:
		q.log.Info("mail sent", "tries", w.tries+1)
	case errors.As(err, &permanent):
		q.log.Warn("mail refused", "error", err)
	case w.tries >= len(pauses()):
		q.log.Warn("mail given up", "tries", w.tries+1, "error", err)
	default:
		pause := pauses()[w.tries]
		q.log.Warn("mail not sent yet", "again_in", pause, "error", err)
		w.tries++
		w.due = time.Now().Add(pause)
		q.waiting = append(q.waiting, w)
	}
}
