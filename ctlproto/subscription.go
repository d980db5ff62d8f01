package ctlproto

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
)

// subscriptionBuffer is how many events wait here for Next. It only evens out
// bursts: the queue that bounds a slow reader is the server's.
const subscriptionBuffer = 64

// Subscription is a feed of events on a connection of its own.
type Subscription struct {
	client *Client
	topics []string
	events chan Event
	once   sync.Once
	ended  chan struct{} // closed by Close
}

// Subscribe opens a second connection to the client's server and makes it a
// feed of topics. It fails on a client that was made of an open connection;
// there, use Feed.
func (c *Client) Subscribe(ctx context.Context, topics ...string) (*Subscription, error) {
	if c.path == "" {
		return nil, errors.New("subscribe: this client does not know its server's path")
	}
	return c.opts.Subscribe(ctx, c.path, topics...)
}

// Subscribe connects to the server at path and makes the connection a feed.
func (d *Dialer) Subscribe(ctx context.Context, path string, topics ...string) (*Subscription, error) {
	c, err := d.Dial(ctx, path)
	if err != nil {
		return nil, err
	}
	s, err := c.Feed(ctx, topics...)
	if err != nil {
		c.Close()
		return nil, err
	}
	return s, nil
}

// Feed turns c's own connection into a feed of topics. From then on c belongs
// to the Subscription: the server refuses other calls on it.
func (c *Client) Feed(ctx context.Context, topics ...string) (*Subscription, error) {
	s := &Subscription{
		client: c, topics: topics,
		events: make(chan Event, subscriptionBuffer), ended: make(chan struct{}),
	}
	c.mu.Lock()
	c.notify = s.deliver
	c.mu.Unlock()
	if err := s.subscribe(ctx); err != nil {
		s.once.Do(func() { close(s.ended) }) // the reader must not wait for us
		return nil, err
	}
	return s, nil
}

func (s *Subscription) subscribe(ctx context.Context) error {
	return s.client.Call(ctx, MethodEventSubscribe, SubscribeParams{Topics: s.topics}, nil)
}

// deliver is called by the client's reader, in the order of the wire. While
// nobody calls Next it waits, and the server's queue fills.
func (s *Subscription) deliver(method string, params json.RawMessage) {
	var event Event
	switch method {
	case NotifyEvent:
		if json.Unmarshal(params, &event) != nil || event.Topic == "" {
			return // a newer server's addition; not ours to judge
		}
	case NotifyLost:
		var lost Lost
		if json.Unmarshal(params, &lost) != nil {
			return
		}
		event = Event{Topic: TopicLost, Seq: lost.Seq}
	default:
		return
	}
	select {
	case s.events <- event:
	case <-s.ended:
	}
}

// Next waits for the next event. An event of TopicLost says that events are
// missing before it: the feed has been subscribed to again, so whoever now
// reads the state and then goes on with Next misses nothing. The error is the
// context's, ErrClosed after Close, or ErrUnreachable when the connection
// broke; events that came before that are returned first.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	select {
	case event := <-s.events:
		return s.checked(ctx, event)
	default:
	}
	select {
	case event := <-s.events:
		return s.checked(ctx, event)
	case <-s.client.Done():
		select { // the reader put its last events there before it ended
		case event := <-s.events:
			return s.checked(ctx, event)
		default:
			return Event{}, s.client.Err()
		}
	case <-ctx.Done():
		return Event{}, ctx.Err()
	}
}

// checked subscribes again before it lets a "lost" through.
func (s *Subscription) checked(ctx context.Context, event Event) (Event, error) {
	if event.Topic == TopicLost {
		if err := s.subscribe(ctx); err != nil {
			return Event{}, err
		}
	}
	return event, nil
}

// Close ends the feed and its connection. It may be called more than once.
func (s *Subscription) Close() error {
	s.once.Do(func() { close(s.ended) })
	return s.client.Close()
}
