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
	defaultDomain string    // "" = the only domain, if there is one
	addresses     *Throttle // by address group
	accounts      *Throttle // by account and address group, see pairKey
	crowds        *Throttle // by account
	known         *Throttle // who signed in from where: no failures, but as bounded
	log           *slog.Logger
	nobody        string // an HA1 that no password has
}

// NewSignIn makes a SignIn. A bare user name takes defaultDomain; if that is
// empty, the only domain there is.
func NewSignIn(db *store.DB, defaultDomain string, now func() time.Time, log *slog.Logger) *SignIn {
	return &SignIn{
		db: db, defaultDomain: defaultDomain, log: log,
		addresses: NewThrottle(AddressPolicy, now), accounts: NewThrottle(AccountPolicy, now),
		crowds: NewThrottle(CrowdPolicy, now), known: NewThrottle(knownPolicy, now),
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
	leave, wait := s.enter(who, address)
	if wait > 0 {
		s.addresses.Forgive(address) // nothing was tried
		return aor.AOR{}, &SlowDownError{wait}
	}
	cred, err := s.verify(ctx, who, password)
	switch {
	case errors.Is(err, ErrRefused):
		return aor.AOR{}, err
	case err != nil: // nothing was learnt from it
		s.addresses.Forgive(address)
		leave()
		return aor.AOR{}, err
	}
	s.addresses.Forgive(address)
	leave()
	s.accounts.Clear(pairKey(who, address))
	s.known.Enter(pairKey(who, address))
	s.keepSHA256(ctx, who, password, cred)
	return who, nil
}

// pairKey is the key of an account and where it is tried from.
func pairKey(who aor.AOR, from string) string { return who.String() + " " + from }

// enter asks to try one password of an account from an address group. If that
// may not be yet, wait is how long to wait. Otherwise the attempt is counted,
// which leave takes back.
func (s *SignIn) enter(who aor.AOR, address string) (leave func(), wait time.Duration) {
	pair := pairKey(who, address)
	before, wait := s.accounts.enter(pair)
	if wait > 0 {
		return nil, wait
	}
	leavePair := func() { s.accounts.Forgive(pair) }
	account := who.String()
	crowd := before == 0 || s.crowds.Count(account) >= CrowdPolicy.Free
	if !crowd || s.known.Count(pair) > 0 {
		return leavePair, 0
	}
	if wait := s.crowds.Enter(account); wait > 0 {
		leavePair()
		return nil, wait
	}
	return func() {
		leavePair()
		s.crowds.Forgive(account)
	}, 0
}

// Confirm checks the password of somebody who is signed in, with the session of
// that number. Guesses are slowed down by that session alone: nobody else's
// failures are in the way. Its errors are those of Check.
func (s *SignIn) Confirm(ctx context.Context, who aor.AOR, session int64, password string) error {
	key := pairKey(who, fmt.Sprint("session ", session))
	if wait := s.accounts.Enter(key); wait > 0 {
		return &SlowDownError{wait}
	}
	if password == "" || len(password) > maxPassword {
		return ErrRefused
	}
	cred, err := s.verify(ctx, who, password)
	switch {
	case errors.Is(err, ErrRefused):
		return err
	case err != nil: // nothing was learnt from it
		s.accounts.Forgive(key)
		return err
	}
	s.accounts.Clear(key)
	s.keepSHA256(ctx, who, password, cred)
	return nil
}

// domain is what a bare name takes; "" if name has a domain of its own.
func (s *SignIn) domain(ctx context.Context, name string) (string, error) {
	if strings.ContainsRune(name, '@') {
		return s.defaultDomain, nil
	}
	return s.Domain(ctx)
}

// Domain is what a user name without a domain takes: the default one, else the
// only one (store.DefaultDomain). If there are several, or none, it is ErrDomainNeeded.
func (s *SignIn) Domain(ctx context.Context) (string, error) {
	if s.defaultDomain != "" {
		return s.defaultDomain, nil
	}
	domains, err := s.db.Domains.List(ctx)
	if err != nil {
		return "", err
	}
	if domain := store.DefaultDomain(domains); domain != "" {
		return domain, nil
	}
	return "", ErrDomainNeeded
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
	if cred.SHA256 != "" && cred.SHA256B != "" {
		return
	}
	err := s.db.Subscribers.StoreSHA256(ctx, who, cred.HA1, aor.HA1SHA256(who.User, who.Domain, password),
		aor.HA1SHA256(who.User+"@"+who.Domain, who.Domain, password))
	if err != nil {
		s.log.Warn("sign-in: SHA-256 credential not stored", "user", who.String(), "error", err)
	}
}
