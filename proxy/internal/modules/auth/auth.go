// Package auth is SER's module auth and the machinery of auth_db: digest
// authentication (RFC 2617, RFC 3261 §22) with nonces that need no memory until
// they have been used, and a cache of HA1s. README.md is its manual page.
package auth

import (
	"context"
	"log/slog"

	"seraph/proxy/internal/module"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// Credentials is the table subscriber. store.ErrNotFound says that there is no such
// user.
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
	// LocalDomain says whether a host is one of our domains.
	LocalDomain func(host []byte) bool
}

// Module is auth.
type Module struct{ cfg Config }

// New makes the module.
func New(cfg Config) *Module { return &Module{cfg: cfg} }

// Name is "auth".
func (m *Module) Name() string { return "auth" }

// Params lists the parameters.
func (m *Module) Params() []module.Param { return nil }

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func { return nil }

// Init prepares the nonces.
func (m *Module) Init() error { return nil }

// Run refreshes what is cached until ctx ends.
func (m *Module) Run(ctx context.Context) {}

// Authorize checks the credentials of a request for a realm, a canonical domain, or
// "" for that of the address that the request speaks for. It is the body of
// auth_db's www_authorize (proxy false) and proxy_authorize (proxy true).
func (m *Module) Authorize(c *module.Ctx, realm string, proxy bool) int { return module.False }

// Forget drops what is cached for one user.
func (m *Module) Forget(user aor.AOR) {}

// Statistics yields the counters of the group "auth".
func (m *Module) Statistics(yield func(group, name string, value int64)) {}
