package session

import (
	"container/list"
	"sync"
	"time"
)

// ThrottlePolicy says how fast one key may try.
type ThrottlePolicy struct {
	// Free is how many failures cost no waiting.
	Free int
	// First is the wait after the first failure beyond Free; each further one
	// doubles it, up to Cap.
	First, Cap time.Duration
	// Forget is how long after its last failure a key starts afresh.
	Forget time.Duration
	// Keys bounds the memory: beyond it the key that failed longest ago goes.
	Keys int
}

// Policies of the sign-in. Everybody can make somebody else's sign-in fail, so
// what slows a guesser down must not keep the owner out: the strict waits are
// for one account from one address group, and for one address group. The price
// is that a guesser with many address groups has AccountPolicy anew with each
// of them. From CrowdPolicy.Free groups on, all who have never signed in to the
// account from where they are therefore share one wait. That may keep the owner
// out of a place that is new to them for as long as such a crowd goes on; never
// out of where they signed in before, and never a session that is open. None of
// this touches the phone, which registers with the router.
var (
	// AccountPolicy is for one account from one address group.
	AccountPolicy = ThrottlePolicy{Free: 5, First: time.Second, Cap: 30 * time.Second, Forget: 15 * time.Minute, Keys: 20_000}
	// CrowdPolicy is for one account from all addresses that are new to it. What
	// is counted up to Free are address groups, beyond it attempts.
	CrowdPolicy = ThrottlePolicy{Free: 50, First: time.Second, Cap: 30 * time.Second, Forget: 15 * time.Minute, Keys: 20_000}
	// AddressPolicy is for one address group, whatever account it tries; an
	// office behind one address has typing errors too.
	AddressPolicy = ThrottlePolicy{Free: 20, First: time.Second, Cap: 2 * time.Minute, Forget: 15 * time.Minute, Keys: 20_000}
	// knownPolicy bounds what is remembered about who signed in from where.
	knownPolicy = ThrottlePolicy{Forget: 60 * 24 * time.Hour, Keys: 20_000}
)

// Throttle counts failures by key. It is safe for concurrent use.
type Throttle struct {
	policy ThrottlePolicy
	now    func() time.Time

	mu     sync.Mutex
	byKey  map[string]*list.Element // of *failures
	recent *list.List               // the one that failed last in front
}

// failures is what is remembered of one key.
type failures struct {
	key   string
	count int
	last  time.Time
	until time.Time // no attempt before
}

// NewThrottle makes a Throttle with the clock now.
func NewThrottle(policy ThrottlePolicy, now func() time.Time) *Throttle {
	return &Throttle{policy: policy, now: now, byKey: make(map[string]*list.Element), recent: list.New()}
}

// Enter asks to make one attempt. If it may not be made yet, wait is how long
// to wait. Otherwise wait is 0 and the attempt is already counted as failed, so
// that many at once gain nothing; Forgive takes that back.
func (t *Throttle) Enter(key string) (wait time.Duration) {
	_, wait = t.enter(key)
	return wait
}

// enter is Enter that tells also how many failures were counted before.
func (t *Throttle) enter(key string) (before int, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	f := t.entry(key, now)
	before = f.count
	if wait := f.until.Sub(now); wait > 0 {
		return before, wait
	}
	f.count++
	f.last = now
	if over := f.count - t.policy.Free; over > 0 {
		f.until = now.Add(t.delay(over))
	}
	return before, 0
}

// Count is how many failures of the key are remembered.
func (t *Throttle) Count(key string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.byKey[key]
	if !ok || t.now().Sub(e.Value.(*failures).last) >= t.policy.Forget {
		return 0
	}
	return e.Value.(*failures).count
}

// delay is the wait after the over-th failure beyond the free ones.
func (t *Throttle) delay(over int) time.Duration {
	delay := t.policy.First
	for range over - 1 {
		delay *= 2
		if delay >= t.policy.Cap {
			return t.policy.Cap
		}
	}
	return min(delay, t.policy.Cap)
}

// entry returns the key's entry, made or started afresh if need be, in front
// of the list.
func (t *Throttle) entry(key string, now time.Time) *failures {
	if e, ok := t.byKey[key]; ok {
		t.recent.MoveToFront(e)
		f := e.Value.(*failures)
		if now.Sub(f.last) >= t.policy.Forget {
			*f = failures{key: key}
		}
		return f
	}
	for t.recent.Len() >= t.policy.Keys {
		oldest := t.recent.Back()
		delete(t.byKey, oldest.Value.(*failures).key)
		t.recent.Remove(oldest)
	}
	f := &failures{key: key}
	t.byKey[key] = t.recent.PushFront(f)
	return f
}

// Clear forgets the key's failures: its owner has shown to know the password.
func (t *Throttle) Clear(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.byKey[key]; ok {
		delete(t.byKey, key)
		t.recent.Remove(e)
	}
}

// Forgive takes back one counted attempt and its wait, not the key's earlier
// failures: who has one account must not wash away guesses at others.
func (t *Throttle) Forgive(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.byKey[key]; ok {
		f := e.Value.(*failures)
		f.count = max(f.count-1, 0)
		f.until = time.Time{}
	}
}

// Len is how many keys are remembered.
func (t *Throttle) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.recent.Len()
}
