package auth_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/auth"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// caller authenticates with a nonce of its own each time, so that only the cache
// matters.
type caller struct {
	*bench
	n int
}

// as tries a password from a source of its own and returns what Authorize did.
func (c *caller) as(user, password string) int {
	c.t.Helper()
	c.n++
	nonce := c.nonce()
	c.try(fmt.Sprint("call", c.n), answer{nonce: nonce, user: user, password: password})
	return c.result
}

// run starts the module's background work for the length of a test in a bubble.
func run(t *testing.T, m *auth.Module) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func (c *caller) want(step, user, password string, want, reads int) {
	c.t.Helper()
	if got := c.as(user, password); got != want {
		c.t.Errorf("%s: %d, want %d", step, got, want)
	}
	synctest.Wait()
	if got := c.table.count(); got != reads {
		c.t.Errorf("%s: the table was read %d times, want %d", step, got, reads)
	}
}

// TestPasswordChangedByPlainSQL: within a minute the old one is refused, the new one
// is taken at once.
func TestPasswordChangedByPlainSQL(t *testing.T) {
	for _, background := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := &caller{bench: newBench(t)}
			if background {
				run(t, c.m)
			}
			c.want("first", "alice", "secret", 1, 1)
			c.table.set("alice", "example.org", "changed")
			time.Sleep(29 * time.Second)
			c.want("old one, cached", "alice", "secret", 1, 1)
			c.want("new one at once", "alice", "changed", 1, 2)
			c.want("old one after that", "alice", "secret", -1, 2) // read less than 5 s ago
			c.table.set("alice", "example.org", "again")
			time.Sleep(60 * time.Second)
			c.want("old one after a minute", "alice", "changed", -1, 3)
			c.want("new one after a minute", "alice", "again", 1, 3)
		})
	}
}

// TestRefreshedAhead: a user who calls all the time never waits for the table.
func TestRefreshedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{bench: newBench(t)}
		run(t, c.m)
		c.want("first", "alice", "secret", 1, 1)
		for i := range 10 {
			time.Sleep(30 * time.Second)
			c.want("half a minute later", "alice", "secret", 1, i+2)
		}
		if hits := statistic(c.m, "cache_hits"); hits != 10 {
			t.Errorf("%d hits of the cache, want all but the first", hits)
		}
	})
}

func statistic(m *auth.Module, name string) (value int64) {
	value = -1
	m.Statistics(func(group, n string, v int64) {
		if group == "auth" && n == name {
			value = v
		}
	})
	return value
}

func TestUnknownUserIsCachedShortly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{bench: newBench(t)}
		c.want("unknown", "bob", "secret", -1, 1)
		time.Sleep(4 * time.Second)
		c.table.set("bob", "example.org", "secret")
		c.want("known to be unknown", "bob", "secret", -1, 1)
		time.Sleep(time.Second)
		c.want("after 5 s", "bob", "secret", 1, 2)
		c.table.change(func(t *table) { delete(t.rows, "bob@example.org") })
		time.Sleep(time.Minute)
		c.want("deleted a minute ago", "bob", "secret", -1, 3)
	})
}

func TestClosedAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{bench: newBench(t)}
		c.want("open", "alice", "secret", 1, 1)
		c.table.change(func(t *table) {
			row := t.rows["alice@example.org"]
			row.Disabled = true
			t.rows["alice@example.org"] = row
		})
		time.Sleep(time.Minute)
		c.want("closed", "alice", "secret", -1, 2)
	})
}

// TestDatabaseAwayDelaysNobody: what is cached stays good, without a wait, for as
// long as the table cannot be read; others get 503 at once but for one a second.
func TestDatabaseAwayDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{bench: newBench(t)}
		run(t, c.m)
		c.want("first", "alice", "secret", 1, 1)
		c.table.change(func(t *table) { t.block = make(chan struct{}) }) // frozen
		time.Sleep(40 * time.Second)
		for i := range 30 { // the first of these asks for it in the background
			began := time.Now()
			if got := c.as("alice", "secret"); got != 1 {
				t.Fatalf("call %d: %d", i, got)
			}
			if waited := time.Since(began); waited != 0 {
				t.Fatalf("call %d waited %v", i, waited)
			}
			time.Sleep(time.Minute)
		}
		began := time.Now()
		results := []int{c.as("stranger", "x"), c.as("stranger2", "x"), c.as("stranger3", "x")}
		if results[0] != module.Stop || results[1] != module.Stop || results[2] != module.Stop {
			t.Errorf("uncached users: %v, want 503 for all", results)
		}
		if waited := time.Since(began); waited > 2*time.Second+time.Second {
			t.Errorf("three uncached users waited %v, one time-out of 2 s is enough", waited)
		}
		// It comes back.
		c.table.change(func(t *table) {
			close(t.block)
			t.block = nil
		})
		c.table.set("alice", "example.org", "changed")
		time.Sleep(time.Minute)
		c.as("alice", "secret") // asks for it
		time.Sleep(3 * time.Second)
		if old, now := c.as("alice", "secret"), c.as("alice", "changed"); old != -1 || now != 1 {
			t.Errorf("after it came back: old password %d, new %d", old, now)
		}
	})
}

// TestExpiredAndFrozen: even a record that nobody used for hours serves when the
// table turns out to be away; the one who finds out waits no longer than the time-out.
func TestExpiredAndFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{bench: newBench(t)}
		c.want("first", "alice", "secret", 1, 1)
		time.Sleep(3 * time.Hour)
		c.table.change(func(t *table) { t.block = make(chan struct{}) })
		began := time.Now()
		if got := c.as("alice", "secret"); got != 1 || time.Since(began) != 2*time.Second {
			t.Errorf("returned %d after %v", got, time.Since(began))
		}
		began = time.Now()
		if got := c.as("alice", "secret"); got != 1 || time.Since(began) != 0 {
			t.Errorf("the next one returned %d after %v", got, time.Since(began))
		}
		if got := c.as("alice", "wrong"); got != -1 {
			t.Errorf("a wrong password: %d", got)
		}
	})
}

// TestOneReadingForMany: twenty requests of one user wait for one reading.
func TestOneReadingForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.table.block = make(chan struct{})
		results := make(chan int, 20)
		for i := range 20 {
			nonce := b.nonce()
			go func() {
				one := newRequest(b, answer{nonce: nonce}, fmt.Sprint("many", i))
				results <- b.m.Authorize(one, "example.org", true)
			}()
		}
		synctest.Wait()
		if got := b.table.count(); got != 1 {
			t.Errorf("the table is read %d times at once", got)
		}
		close(b.table.block)
		for range 20 {
			if got := <-results; got != module.True {
				t.Errorf("one returned %d", got)
			}
		}
	})
}

// TestOneSourceWaits: a source may not take all the places of those who wait.
func TestOneSourceWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.table.block = make(chan struct{})
		results := make(chan int, 300)
		for i := range 300 {
			nonce := b.nonce()
			go func() {
				one := newRequest(b, answer{nonce: nonce, user: fmt.Sprint("user", i)}, fmt.Sprint("r", i))
				results <- b.m.Authorize(one, "example.org", true)
			}()
		}
		synctest.Wait()
		if got := len(results); got != 300-256 {
			t.Errorf("%d of 300 were refused at once, want all but 256", got)
		}
		close(b.table.block)
		for range 300 {
			<-results
		}
	})
}

// TestRereadIsBounded: wrong digests for a cached user read the table once in 5 s,
// and from one source 20 times a minute.
func TestRereadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{bench: newBench(t)}
		for i := range 60 {
			c.table.set(fmt.Sprint("user", i), "example.org", "secret")
		}
		time.Sleep(2 * time.Second)
		c.want("first", "alice", "secret", 1, 1)
		c.want("too young to be read again", "alice", "wrong", -1, 1)
		time.Sleep(2 * time.Second)
		c.want("wrong", "alice", "wrong", -1, 2)
		for range 3 {
			time.Sleep(time.Second)
			c.want("wrong again", "alice", "wrong", -1, 2)
		}
		time.Sleep(2 * time.Second)
		c.want("wrong after 5 s", "alice", "wrong", -1, 3)
		for i := range 60 {
			c.as(fmt.Sprint("user", i), "secret")
		}
		time.Sleep(2 * time.Second)
		before := c.table.count()
		for i := range 60 {
			c.as(fmt.Sprint("user", i), "wrong")
		}
		if got := c.table.count() - before; got == 0 || got > 20 {
			t.Errorf("60 wrong digests of one source read the table %d times, want 1 to 20", got)
		}
	})
}

func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{bench: newBench(t)}
		c.want("first", "alice", "secret", 1, 1)
		c.want("unknown", "bob", "secret", -1, 2)
		c.table.set("alice", "example.org", "changed")
		c.table.set("bob", "example.org", "secret")
		c.m.Forget(aor.AOR{User: "alice", Domain: "example.org"})
		c.m.Forget(aor.AOR{User: "bob", Domain: "example.org"})
		c.want("old password", "alice", "secret", -1, 3)
		c.want("new user", "bob", "secret", 1, 4)
	})
}

// TestForgetDuringReading: what was read before the change is not kept after it.
func TestForgetDuringReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		c := &caller{bench: b}
		slow := make(chan struct{})
		old := b.table
		b.m = auth.New(auth.Config{Credentials: slowTable{old, slow}, LocalDomain: func([]byte) bool { return true }})
		if err := b.m.Init(); err != nil {
			t.Fatal(err)
		}
		nonce := b.nonce()
		done := make(chan int)
		go func() { done <- b.m.Authorize(newRequest(b, answer{nonce: nonce}, "x"), "example.org", true) }()
		synctest.Wait() // it has read the old row and has not said so yet
		old.set("alice", "example.org", "changed")
		b.m.Forget(aor.AOR{User: "alice", Domain: "example.org"})
		close(slow)
		if got := <-done; got != 1 {
			t.Errorf("the request that was read for returned %d", got)
		}
		c.want("the old password after auth.forget", "alice", "secret", -1, 2)
	})
}

// slowTable answers with what it had read before it was held up.
type slowTable struct {
	*table
	until chan struct{}
}

func (s slowTable) Credentials(ctx context.Context, user aor.AOR) (store.Credential, error) {
	row, err := s.table.Credentials(ctx, user)
	<-s.until
	return row, err
}

// TestCacheIsBounded: strangers' names do not fill the memory, and users beyond the
// set size push others out without harm.
func TestCacheIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		m := auth.New(auth.Config{Credentials: b.table, LocalDomain: func([]byte) bool { return true }})
		for _, p := range m.Params() {
			if p.Name == "cache_size" {
				if err := p.Set("", 1024); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		b.m = m
		c := &caller{bench: b}
		for i := range 3000 {
			name := fmt.Sprint("user", i)
			b.table.set(name, "example.org", "secret")
			if got := c.as(name, "secret"); got != 1 {
				t.Fatalf("%s: %d", name, got)
			}
		}
		if got := statistic(m, "cached"); got > 1024 || got < 900 {
			t.Errorf("%d users are cached, want at most 1024", got)
		}
		for i := range 12000 {
			c.as(fmt.Sprint("nobody", i), "x")
		}
		if got := auth.Unknown(m); got > 8192 {
			t.Errorf("%d unknown names are cached, want at most 8192", got)
		}
	})
}

// TestForgetWithoutInit: the control socket may ask though no script loads the module.
func TestForgetWithoutInit(t *testing.T) {
	m := auth.New(auth.Config{})
	m.Forget(aor.AOR{User: "alice", Domain: "example.org"})
	if got := statistic(m, "cached"); got != 0 {
		t.Errorf("%d cached", got)
	}
}

func TestNoDatabaseMeansNoSubscriber(t *testing.T) {
	b := newBench(t)
	b.m = auth.New(auth.Config{LocalDomain: func([]byte) bool { return true }})
	if err := b.m.Init(); err != nil {
		t.Fatal(err)
	}
	if b.try("x", answer{nonce: b.nonce()}); b.result != module.False {
		t.Errorf("returned %d", b.result)
	}
}

// TestSettingsOfKamailio: what a script asks for that is done in any case is taken, anything else refused.
func TestSettingsOfKamailio(t *testing.T) {
	m := auth.New(auth.Config{})
	for _, x := range [][3]string{{"qop", "auth", ""}, {"qop", "auth-int", `qop "auth-int" is not offered`}, {"nonce_count", "1", ""}, {"nonce_count", "0", "can only be 1"}} {
		if err := moduletest.Set(t, m, x[0], x[1]); (err == nil) != (x[2] == "") || err != nil && !strings.Contains(err.Error(), x[2]) {
			t.Errorf("%s %s: %v", x[0], x[1], err)
		}
	}
}

func TestBadSettings(t *testing.T) {
	m := auth.New(auth.Config{})
	for _, p := range m.Params() {
		for _, bad := range []int{-1, 0, 1 << 30} {
			err := p.Set("short", bad)
			if err == nil {
				t.Errorf("%s takes %d", p.Name, bad)
			} else if p.Kind == module.Int && p.Name != "nonce_count" && !strings.HasPrefix(err.Error(), fmt.Sprintf("%s %d is not from ", p.Name, bad)) {
				t.Errorf("%s %d: %v", p.Name, bad, err)
			}
		}
		if p.Secret != (p.Name == "secret") || p.Doc == "" {
			t.Errorf("%s: secret %v, doc %q", p.Name, p.Secret, p.Doc)
		}
	}
}
