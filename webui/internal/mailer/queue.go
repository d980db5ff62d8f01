package mailer

import (
	"context"
	"errors"
	"log/slog"
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
	wake    chan struct{} // holds one token
}

// waiting is a message and when it is due.
type waiting struct {
	Message
	tries int
	due   time.Time
}

// NewQueue makes a Queue of at most most messages; 0 is DefaultQueue.
func NewQueue(sender Sender, most int, log *slog.Logger) *Queue {
	if most <= 0 {
		most = DefaultQueue
	}
	return &Queue{sender: sender, most: most, log: log, wake: make(chan struct{}, 1)}
}

// Put queues a message, and says false if there is no room: the message is lost.
func (q *Queue) Put(m Message) bool {
	ok := q.put(waiting{Message: m, due: time.Now()})
	if !ok {
		q.log.Warn("mail: the queue is full, a message was dropped", "waiting", q.most)
	}
	return ok
}

func (q *Queue) put(w waiting) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting)+q.sending >= q.most {
		return false
	}
	q.waiting = append(q.waiting, w)
	q.nudge()
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
	q.nudge()
	var permanent *PermanentError
	switch {
	case err == nil:
		q.log.Info("mail sent", "tries", w.tries+1)
	case errors.As(err, &permanent):
		q.log.Warn("mail refused", "err", err)
	case w.tries >= len(pauses()):
		q.log.Warn("mail given up", "tries", w.tries+1, "err", err)
	default:
		pause := pauses()[w.tries]
		q.log.Warn("mail not sent yet", "again_in", pause, "err", err)
		w.tries++
		w.due = time.Now().Add(pause)
		q.waiting = append(q.waiting, w)
	}
}
