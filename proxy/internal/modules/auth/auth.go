// Package auth is SER's module auth and the machinery of auth_db: digest
// authentication (RFC 2617, RFC 3261 §22) with nonces that need no memory until
// they have been used, and a cache of HA1s. README.md is its manual page.
package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/seldom"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// Credentials is the table subscriber. store.ErrNotFound says that there is no such
// user; any other error that the table could not be asked.
type Credentials interface {
	Credentials(ctx context.Context, user aor.AOR) (store.Credential, error)
}

// Config is what the module needs.
type Config struct {
	Log *slog.Logger
	// Key authenticates nonces, 32 bytes of the state folder; random if empty.
	Key []byte
	// Credentials is nil where there is no database, and so no subscriber.
	Credentials Credentials
	// LocalDomain says whether a host is one of our domains; nil for none.
	LocalDomain func(host []byte) bool
}

// Module is auth.
type Module struct {
	log   *slog.Logger
	local func(host []byte) bool
	key   []byte
	table Credentials

	// Settings of the script.
	slots       int
	life        time.Duration
	ttl         time.Duration
	negativeTTL time.Duration
	cacheSize   int
	sha256      bool // offer it, to whom it may be offered
	readTimeout time.Duration

	seed   maphash.Seed
	nonces nonces
	counts counts
	cache  cache
	reader reader
	stats  counters
	told   seldom.Gate

	challenges sync.Pool // of *challenge
}

// counters are the statistics.
type counters struct {
	challenges, stale, accepted, sha256, rejected, cacheHits, reads, readErrors, busy atomic.Int64
}

// New makes the module. It has no memory to speak of before Init.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.LocalDomain == nil {
		cfg.LocalDomain = func([]byte) bool { return false }
	}
	m := &Module{
		log: cfg.Log, local: cfg.LocalDomain, key: cfg.Key, table: cfg.Credentials,
		slots: 1 << 16, life: 5 * time.Minute, ttl: time.Minute, negativeTTL: 5 * time.Second,
		cacheSize: 1 << 18, readTimeout: 2 * time.Second,
		seed: maphash.MakeSeed(),
	}
	m.cache.seed = m.seed // Forget may come where no script loads the module
	return m
}

// Name is "auth".
func (m *Module) Name() string { return "auth" }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		{Name: "secret", Kind: module.String, Secret: true, Set: m.setSecret,
			Doc: "text that nonces are authenticated with, that of the state folder if not set"},
		{Name: "algorithm", Kind: module.String, Set: m.setAlgorithm,
			Doc: "MD5, or SHA-256 to offer that first to users who have such a hash; MD5 if not set"},
		module.SecondsParam("nonce_expire", &m.life, 5, 3600,
			"seconds for which a nonce is good, 300 if not set"),
		module.NumberParam("nonce_slots", &m.slots, 1024, 1<<24,
			"nonces in use whose counts are remembered, 65536 if not set; 56 bytes each"),
		module.SecondsParam("cache_ttl", &m.ttl, 1, 3600,
			"seconds for which a HA1 is good without asking the database, 60 if not set"),
		module.SecondsParam("cache_negative_ttl", &m.negativeTTL, 1, 3600,
			"seconds for which a user is known not to exist, 5 if not set"),
		module.NumberParam("cache_size", &m.cacheSize, 1024, 1<<26,
			"users whose HA1 is kept, 262144 if not set; some 290 bytes each"),
		module.MillisecondsParam("read_timeout", &m.readTimeout, 50, 30000,
			"milliseconds that a request waits for the database, 2000 if not set"),
		{Name: "qop", Kind: module.String, Set: setQOP, Doc: "taken if auth: the functions that challenge say what is offered"},
		{Name: "nonce_count", Kind: module.Int, Set: setNonceCount, Doc: "taken if 1: counts are always checked"},
	}
}

func (m *Module) setSecret(s string, _ int) error {
	if len(s) < 8 {
		return errors.New("the secret has less than 8 characters")
	}
	m.key = []byte(s)
	return nil
}

func setQOP(s string, _ int) error {
	if s != "auth" {
		return fmt.Errorf("qop %q is not offered: write \"auth\"", s)
	}
	return nil
}

func setNonceCount(_ string, n int) error {
	if n != 1 {
		return errors.New("counts of nonces are always checked: nonce_count can only be 1")
	}
	return nil
}

func (m *Module) setAlgorithm(s string, _ int) error {
	switch s {
	case "", "MD5":
		m.sha256 = false
	case "SHA-256":
		m.sha256 = true
	default:
		return fmt.Errorf("algorithm %q is neither MD5 nor SHA-256", s)
	}
	return nil
}

// Init prepares nonces and cache.
func (m *Module) Init() error {
	key := m.key
	if len(key) == 0 {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails
	}
	m.nonces.init(key, m.life)
	m.counts.init(m.slots)
	m.cache.init(m)
	m.reader.init()
	return nil
}

// Run refreshes what is cached until ctx ends.
func (m *Module) Run(ctx context.Context) { m.refresh(ctx) }

// Forget drops what is cached for one user, so that the next request reads the
// table.
func (m *Module) Forget(user aor.AOR) { m.cache.forget([]byte(user.String())) }

// Statistics yields the counters of the group "auth".
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	s := &m.stats
	yield("auth", "challenges", s.challenges.Load())
	yield("auth", "stale_challenges", s.stale.Load())
	yield("auth", "accepted", s.accepted.Load())
	yield("auth", "accepted_sha256", s.sha256.Load())
	yield("auth", "rejected", s.rejected.Load())
	yield("auth", "cache_hits", s.cacheHits.Load())
	yield("auth", "db_reads", s.reads.Load())
	yield("auth", "db_errors", s.readErrors.Load())
	yield("auth", "busy", s.busy.Load())
	yield("auth", "cached", int64(m.cache.size()))
}
