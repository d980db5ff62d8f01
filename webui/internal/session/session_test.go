package session

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
)

var (
	alice = aor.AOR{User: "alice", Domain: "example.org"}
	plain = Client{Addr: netip.MustParseAddr("192.0.2.1"), Host: "portal.example.org"}
	safe  = Client{Addr: netip.MustParseAddr("192.0.2.1"), Host: "portal.example.org", Secure: true}
)

// openStore makes a database with the domain example.org and alice.
func openStore(t *testing.T, c *clock) *store.DB {
	t.Helper()
	url, err := store.SQLiteURL(filepath.Join(t.TempDir(), "seraph.db"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), url, store.Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Domains.Add(t.Context(), "example.org"); err != nil {
		t.Fatal(err)
	}
	if err := db.Subscribers.Create(t.Context(), alice, "wonderland"); err != nil {
		t.Fatal(err)
	}
	return db
}

func newSignIn(db *store.DB, domain string, c *clock) *SignIn {
	return NewSignIn(db, domain, c.now, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func TestSignIn(t *testing.T) {
	c := newClock()
	db := openStore(t, c)
	closed := aor.AOR{User: "closed", Domain: "example.org"}
	if err := errors.Join(db.Subscribers.Create(t.Context(), closed, "wonderland"), db.Profiles.SetDisabled(t.Context(), closed, true)); err != nil {
		t.Fatal(err)
	}
	for _, in := range []struct {
		name, user, password string
		want                 error
	}{
		{"bare name", "alice", "wonderland", nil},
		{"with domain", "alice@example.org", "wonderland", nil},
		{"as a URI, in capitals", "SIP:Alice@Example.ORG", "wonderland", nil},
		{"space around the name", " alice ", "wonderland", nil},
		{"wrong password", "alice", "wonderlanD", ErrRefused},
		{"password with a space", "alice", "wonderland ", ErrRefused},
		{"empty password", "alice", "", ErrRefused},
		{"endless password", "alice", strings.Repeat("x", 5000), ErrRefused},
		{"unknown user", "nobody", "wonderland", ErrRefused},
		{"another domain", "alice@example.com", "wonderland", ErrRefused},
		{"closed account", "closed", "wonderland", ErrRefused},
		{"no name", "", "wonderland", ErrRefused},
		{"no name at all", "al ice", "wonderland", ErrRefused},
	} {
		t.Run(in.name, func(t *testing.T) {
			who, err := newSignIn(db, "", c).Check(t.Context(), in.user, in.password, plain.Addr)
			if !errors.Is(err, in.want) {
				t.Fatalf("error %v, want %v", err, in.want)
			}
			if err == nil && who != alice {
				t.Errorf("signed in as %v", who)
			}
		})
	}
}

func TestSignInOfBareNameNeedsOneDomain(t *testing.T) {
	c := newClock()
	db := openStore(t, c)
	if err := db.Domains.Add(t.Context(), "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	if _, err := newSignIn(db, "", c).Check(t.Context(), "alice", "wonderland", plain.Addr); err != nil {
		t.Errorf("one domain that has a name: %v", err)
	}
	if err := db.Domains.Add(t.Context(), "example.com"); err != nil {
		t.Fatal(err)
	}
	if _, err := newSignIn(db, "", c).Check(t.Context(), "alice", "wonderland", plain.Addr); !errors.Is(err, ErrDomainNeeded) {
		t.Errorf("two domains: error %v, want ErrDomainNeeded", err)
	}
	if _, err := newSignIn(db, "example.org", c).Check(t.Context(), "alice", "wonderland", plain.Addr); err != nil {
		t.Errorf("with a default domain: %v", err)
	}
}

// TestSignInDoesTheSameWork: a clock would be too coarse and too moody, so the
// work is counted in allocations. Somebody unknown costs the same hash as
// somebody known.
func TestSignInDoesTheSameWork(t *testing.T) {
	c := newClock()
	db := openStore(t, c)
	s := newSignIn(db, "example.org", c)
	work := func(name string) float64 {
		return testing.AllocsPerRun(50, func() {
			_, err := s.verify(context.Background(), aor.AOR{User: name, Domain: "example.org"}, "wrong")
			if !errors.Is(err, ErrRefused) {
				t.Fatalf("%s: %v", name, err)
			}
		})
	}
	known, unknown := work("alice"), work("nobody")
	if diff := known - unknown; diff < -0.25*known || diff > 0.25*known {
		t.Errorf("a known user costs %v allocations, an unknown one %v", known, unknown)
	}
}

// TestSignInOwnerIsNotKeptOut: whoever guesses at an account, as fast as the
// waits let him, the owner comes in at another address at once, and a session
// changes its password.
func TestSignInOwnerIsNotKeptOut(t *testing.T) {
	c := newClock()
	s := newSignIn(openStore(t, c), "", c)
	attacker := netip.MustParseAddr("203.0.113.66")
	var slow *SlowDownError
	refused := 0
	for range 3600 { // half an hour
		_, err := s.Check(t.Context(), "alice", "guess", attacker)
		if errors.Is(err, ErrRefused) {
			refused++
		} else if !errors.As(err, &slow) {
			t.Fatalf("a guess: %v", err)
		}
		c.forward(time.Second / 2)
	}
	if refused > AccountPolicy.Free+1800/30+6 {
		t.Errorf("%d guesses in half an hour from one address", refused)
	}
	if _, err := s.Check(t.Context(), "alice", "guess", attacker); !errors.As(err, &slow) {
		t.Errorf("the attacker's next guess: %v, want a wait", err)
	}
	if _, err := s.Check(t.Context(), "alice", "wonderland", plain.Addr); err != nil {
		t.Errorf("the owner at another address: %v", err)
	}
	if err := s.Confirm(t.Context(), alice, 1, "wonderland"); err != nil {
		t.Errorf("the owner's session: %v", err)
	}
}

// TestSignInCrowd: many addresses guess at one account. Beyond CrowdPolicy.Free
// of them they share a wait, which those who signed in before do not.
func TestSignInCrowd(t *testing.T) {
	c := newClock()
	s := newSignIn(openStore(t, c), "", c)
	if _, err := s.Check(t.Context(), "alice", "wonderland", plain.Addr); err != nil {
		t.Fatal(err)
	}
	guess := func(i int) error {
		_, err := s.Check(t.Context(), "alice", "guess", netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}))
		return err
	}
	for i := range CrowdPolicy.Free + 1 {
		if err := guess(i); !errors.Is(err, ErrRefused) {
			t.Fatalf("address %d: %v", i+1, err)
		}
	}
	var slow *SlowDownError
	for _, i := range []int{0, 200} {
		if err := guess(i); !errors.As(err, &slow) || slow.Wait != CrowdPolicy.First {
			t.Errorf("address %d in the crowd: %v, want a wait", i, err)
		}
	}
	if _, err := s.Check(t.Context(), "alice", "typo", plain.Addr); !errors.Is(err, ErrRefused) {
		t.Errorf("the owner's typing error where he signed in before: %v", err)
	}
	if _, err := s.Check(t.Context(), "alice", "wonderland", plain.Addr); err != nil {
		t.Errorf("the owner where he signed in before: %v", err)
	}
	if err := s.Confirm(t.Context(), alice, 1, "wonderland"); err != nil {
		t.Errorf("the owner's session: %v", err)
	}
	c.forward(CrowdPolicy.Forget)
	if err := guess(200); !errors.Is(err, ErrRefused) {
		t.Errorf("after a pause: %v", err)
	}
}

// TestConfirmSlowsDown: a session that somebody else sits at does not guess the
// password, and does not keep the owner's other session from it.
func TestConfirmSlowsDown(t *testing.T) {
	c := newClock()
	s := newSignIn(openStore(t, c), "", c)
	for i := range AccountPolicy.Free + 1 {
		if err := s.Confirm(t.Context(), alice, 1, "guess"); !errors.Is(err, ErrRefused) {
			t.Fatalf("guess %d: %v", i+1, err)
		}
	}
	var slow *SlowDownError
	if err := s.Confirm(t.Context(), alice, 1, "wonderland"); !errors.As(err, &slow) {
		t.Errorf("after many guesses: %v, want a wait", err)
	}
	if err := s.Confirm(t.Context(), alice, 2, "wonderland"); err != nil {
		t.Errorf("another session: %v", err)
	}
}

func TestSignInSlowsDownByAddress(t *testing.T) {
	c := newClock()
	db := openStore(t, c)
	var slow *SlowDownError
	s := newSignIn(db, "", c)
	for i := range AddressPolicy.Free + 1 {
		if _, err := s.Check(t.Context(), "user"+string(rune('a'+i)), "guess", plain.Addr); !errors.Is(err, ErrRefused) {
			t.Fatalf("failure %d: %v", i+1, err)
		}
	}
	if _, err := s.Check(t.Context(), "alice", "wonderland", plain.Addr); !errors.As(err, &slow) {
		t.Errorf("after guesses at many accounts from one address: %v, want a wait", err)
	}
}

func TestSignInStoresSHA256(t *testing.T) {
	c := newClock()
	db := openStore(t, c)
	file, err := sql.Open("sqlite", strings.TrimPrefix(db.String(), "sqlite://"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Exec("DELETE FROM credential_sha256"); err != nil { // as kamctl would have made the account
		t.Fatal(err)
	}
	if _, err := newSignIn(db, "", c).Check(t.Context(), "alice", "wonderland", plain.Addr); err != nil {
		t.Fatal(err)
	}
	cred, err := db.Subscribers.Credentials(t.Context(), alice)
	if want := aor.HA1SHA256("alice", "example.org", "wonderland"); err != nil || cred.SHA256 != want {
		t.Errorf("SHA-256 %q, %v; want %q", cred.SHA256, err, want)
	}
	if want := aor.HA1SHA256("alice@example.org", "example.org", "wonderland"); cred.SHA256B != want {
		t.Errorf("SHA-256 of user@domain %q, want %q", cred.SHA256B, want)
	}
}

// signedIn starts a session and returns a request with its cookies.
func signedIn(t *testing.T, m *Manager, c Client, keep bool) (*http.Request, []*http.Cookie) {
	t.Helper()
	w := httptest.NewRecorder()
	if err := m.Start(t.Context(), w, httptest.NewRequest(http.MethodPost, "/user/sign-in", nil), c, alice, keep); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/user/phone-book", nil)
	cookies := w.Result().Cookies()
	for _, cookie := range cookies {
		if cookie.MaxAge >= 0 {
			r.AddCookie(cookie)
		}
	}
	return r, cookies
}

func TestSessionCookies(t *testing.T) {
	c := newClock()
	m := NewManager(openStore(t, c).Sessions, DefaultLimits(), c.now)
	for _, in := range []struct {
		name, cookie string
		client       Client
		keep         bool
		age          int
	}{
		{"without TLS", "seraph_session", plain, false, 0},
		{"with TLS", "__Host-seraph_session", safe, false, 0},
		{"kept", "__Host-seraph_session", safe, true, int(DefaultLimits().KeepAbsolute / time.Second)},
	} {
		t.Run(in.name, func(t *testing.T) {
			r, cookies := signedIn(t, m, in.client, in.keep)
			got := cookies[0]
			if got.Name != in.cookie || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.Secure != in.client.Secure ||
				got.Path != "/" || got.Domain != "" || got.MaxAge != in.age {
				t.Errorf("cookie %+v", got)
			}
			if found, err := m.Find(t.Context(), r, in.client); err != nil || found.AOR != alice {
				t.Errorf("session: %+v, %v", found, err)
			}
			other := in.client
			other.Secure = !other.Secure
			if _, err := m.Find(t.Context(), r, other); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the other kind of connection finds it, too: %v", err)
			}
		})
	}
}

func TestSessionEnds(t *testing.T) {
	limits := Limits{Idle: time.Hour, Absolute: 3 * time.Hour, KeepIdle: 5 * time.Hour, KeepAbsolute: 10 * time.Hour}
	for _, in := range []struct {
		name        string
		keep        bool
		step, alive time.Duration // used every step, dead after alive
	}{
		{"idle", false, 61 * time.Minute, 0},
		{"absolute", false, 45 * time.Minute, 3*time.Hour - 45*time.Minute},
		{"kept, idle", true, 5*time.Hour + time.Minute, 0},
		{"kept, absolute", true, 2 * time.Hour, 8 * time.Hour},
	} {
		t.Run(in.name, func(t *testing.T) {
			c := newClock()
			m := NewManager(openStore(t, c).Sessions, limits, c.now)
			r, _ := signedIn(t, m, plain, in.keep)
			var alive time.Duration
			for range 20 {
				c.forward(in.step)
				found, err := m.Find(t.Context(), r, plain)
				if errors.Is(err, store.ErrNotFound) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				alive += in.step
				if err := m.Touch(t.Context(), found); err != nil {
					t.Fatal(err)
				}
			}
			if alive != in.alive {
				t.Errorf("last alive after %v, want %v", alive, in.alive)
			}
		})
	}
}

// TestAliveIsNoUse: what a live stream asks does not keep a session alive.
func TestAliveIsNoUse(t *testing.T) {
	c := newClock()
	m := NewManager(openStore(t, c).Sessions, Limits{Idle: time.Hour, Absolute: 9 * time.Hour}, c.now)
	r, _ := signedIn(t, m, plain, false)
	current, err := m.Find(t.Context(), r, plain)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		c.forward(10 * time.Minute)
		if err := m.Alive(t.Context(), current); err != nil {
			t.Fatal(err)
		}
	}
	c.forward(11 * time.Minute)
	if err := m.Alive(t.Context(), current); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after 61 minutes without use: %v, want ErrNotFound", err)
	}
}

func TestSignInRotatesTheSession(t *testing.T) {
	c := newClock()
	m := NewManager(openStore(t, c).Sessions, DefaultLimits(), c.now)
	before, _ := signedIn(t, m, plain, false)
	w := httptest.NewRecorder()
	if err := m.Start(t.Context(), w, before, plain, alice, false); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Find(t.Context(), before, plain); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the session from before the sign-in is still alive: %v", err)
	}
	old, err := before.Cookie("seraph_session")
	if err != nil {
		t.Fatal(err)
	}
	if fresh := w.Result().Cookies()[0]; fresh.Value == old.Value {
		t.Error("the token is the same")
	}
}

func TestTokensThatCannotBe(t *testing.T) {
	c := newClock()
	m := NewManager(openStore(t, c).Sessions, DefaultLimits(), c.now)
	for _, value := range []string{"", "x", strings.Repeat("a", 43), strings.Repeat("!", 43), strings.Repeat("a", 4000)} {
		r := httptest.NewRequest(http.MethodGet, "/user", nil)
		r.AddCookie(&http.Cookie{Name: "seraph_session", Value: value})
		if _, err := m.Find(t.Context(), r, plain); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("token %.20q: %v, want ErrNotFound", value, err)
		}
	}
}
