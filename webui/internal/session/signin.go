package session

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// Errors of SignIn. Any other is the database's.
var (
	// ErrRefused says that name and password do not open an account. It does
	// not say why: no such user, wrong password, closed account.
	ErrRefused = errors.New("user name or password refused")
	// ErrDomainNeeded says that a bare name could be of several domains.
	ErrDomainNeeded = errors.New("the user name needs its domain")
)

// SlowDownError says that there were too many failures: come back after Wait.
type SlowDownError struct{ Wait time.Duration }

// Error implements error.
func (e *SlowDownError) Error() string { return fmt.Sprintf("too many failures, wait %s", e.Wait) }

// maxPassword is the longest password in bytes; the store takes 128.
const maxPassword = 1024

// SignIn checks user names and passwords.
type SignIn struct {
	db            *store.DB
	defaultDomain string // "" = the only domain, if there is one
	accounts      *Throttle
	addresses     *Throttle
	log           *slog.Logger
	nobody        string // an HA1 that no password has
}

// NewSignIn makes a SignIn. A bare user name takes defaultDomain; if that is
// empty, the only domain there is.
func NewSignIn(db *store.DB, defaultDomain string, now func() time.Time, log *slog.Logger) *SignIn {
	return &SignIn{
		db: db, defaultDomain: defaultDomain, log: log,
		accounts: NewThrottle(AccountPolicy, now), addresses: NewThrottle(AddressPolicy, now),
		nobody: aor.HA1("nobody", "nowhere.invalid", newSecret()),
	}
}

// Check returns the account that name and password open. The name is a user
// name, user@domain or a SIP URI; the work done is the same whether the user
// exists or not. from slows down who guesses.
func (s *SignIn) Check(ctx context.Context, name, password string, from netip.Addr) (aor.AOR, error) {
	domain, err := s.domain(ctx, name)
	if err != nil {
		return aor.AOR{}, err
	}
	address := Group(from)
	if wait := s.addresses.Enter(address); wait > 0 {
		return aor.AOR{}, &SlowDownError{wait}
	}
	who, err := aor.Parse(name, domain)
	if err != nil || password == "" || len(password) > maxPassword {
		return aor.AOR{}, ErrRefused
	}
	if wait := s.accounts.Enter(who.String()); wait > 0 {
		s.addresses.Forgive(address) // nothing was tried
		return aor.AOR{}, &SlowDownError{wait}
	}
	cred, err := s.verify(ctx, who, password)
	switch {
	case errors.Is(err, ErrRefused):
		return aor.AOR{}, err
	case err != nil: // nothing was learnt from it
		s.addresses.Forgive(address)
		s.accounts.Forgive(who.String())
		return aor.AOR{}, err
	}
	s.addresses.Forgive(address)
	s.accounts.Clear(who.String())
	s.keepSHA256(ctx, who, password, cred)
	return who, nil
}

// domain is what a bare name takes; "" if name has a domain of its own.
func (s *SignIn) domain(ctx context.Context, name string) (string, error) {
	if strings.ContainsRune(name, '@') {
		return s.defaultDomain, nil
	}
	return s.Domain(ctx)
}

// Domain is what a user name without a domain takes: the default one, else the
// only one. If there are several, or none, it is ErrDomainNeeded.
func (s *SignIn) Domain(ctx context.Context) (string, error) {
	if s.defaultDomain != "" {
		return s.defaultDomain, nil
	}
	domains, err := s.db.Domains.List(ctx)
	if err != nil {
		return "", err
	}
	if len(domains) != 1 {
		return "", ErrDomainNeeded
	}
	return domains[0].Name, nil
}

// verify compares the password with the stored HA1, or with one that nobody
// has, in constant time.
func (s *SignIn) verify(ctx context.Context, who aor.AOR, password string) (store.Credential, error) {
	cred, err := s.db.Subscribers.Credentials(ctx, who)
	exists := err == nil
	if errors.Is(err, store.ErrNotFound) {
		cred, err = store.Credential{HA1: s.nobody}, nil
	}
	if err != nil {
		return store.Credential{}, err
	}
	ha1 := aor.HA1(who.User, who.Domain, password)
	right := subtle.ConstantTimeCompare([]byte(ha1), []byte(strings.ToLower(cred.HA1))) == 1
	if !right || !exists || cred.Disabled {
		return store.Credential{}, ErrRefused
	}
	return cred, nil
}

// keepSHA256 gives the account its SHA-256 hash if it has none (RFC 8760): this
// is one of the few moments when the password is known. The sign-in does not
// depend on it.
func (s *SignIn) keepSHA256(ctx context.Context, who aor.AOR, password string, cred store.Credential) {
	if cred.SHA256 != "" {
		return
	}
	err := s.db.Subscribers.StoreSHA256(ctx, who, cred.HA1, aor.HA1SHA256(who.User, who.Domain, password))
	if err != nil {
		s.log.Warn("sign-in: SHA-256 credential not stored", "user", who.String(), "err", err)
	}
}
