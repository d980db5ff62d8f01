package store

import (
	"context"
	"errors"

	"seraph/sql/aor"
)

// Subscribers is the table subscriber: who may register and sign in. Its
// column password stays empty; HA1s are all that is kept.
type Subscribers struct{ db *DB }

// Subscriber is a user as lists show them.
type Subscriber struct {
	AOR       aor.AOR
	FirstName string
	LastName  string
	Email     string
	Disabled  bool
}

// Credential is what a digest or a password is checked against.
type Credential struct {
	// HA1 and HA1B are MD5 hashes in hex, see aor.HA1 and aor.HA1B; the realm
	// is the domain.
	HA1, HA1B string
	// SHA256 is aor.HA1SHA256, or empty if there is none that was made for the
	// same password as HA1.
	SHA256 string
	// Disabled says that the operator has closed the account.
	Disabled bool
}

// SubscriberSort is an order of Subscribers.List.
type SubscriberSort string

// Orders of subscribers; each one ends in the address, so that it is total.
const (
	SubscribersByUser  SubscriberSort = "user"
	SubscribersByName  SubscriberSort = "name" // last name, then first name
	SubscribersByEmail SubscriberSort = "email"
)

// SubscriberQuery selects a page of subscribers.
type SubscriberQuery struct {
	// Search is looked for, without regard to case, in user name, names and
	// e-mail. Empty matches all.
	Search string
	// Domain narrows to one domain, if not empty.
	Domain string
	// Sort is the order; empty is SubscribersByUser.
	Sort SubscriberSort
	Desc bool
	// Limit is at most MaxPage; 0 means DefaultPage. Offset counts rows.
	Limit, Offset int
}

// Create adds a subscriber with the hashes of password. It fails with
// ErrExists if the address is a subscriber's or an alias, and with a
// *FieldError on "password" if that is empty or longer than 128 bytes.
func (t *Subscribers) Create(ctx context.Context, a aor.AOR, password string) error {
	return errors.ErrUnsupported
}

// SetPassword replaces all hashes. Sessions stay: see Sessions.RevokeAll.
func (t *Subscribers) SetPassword(ctx context.Context, a aor.AOR, password string) error {
	return errors.ErrUnsupported
}

// StoreSHA256 keeps the SHA-256 hash made from a password that was just proved
// right against the given MD5 ha1 (at a sign-in). If the row has changed
// meanwhile the hash counts for nothing, see Credential.SHA256.
func (t *Subscribers) StoreSHA256(ctx context.Context, a aor.AOR, ha1, sha256 string) error {
	return errors.ErrUnsupported
}

// Delete removes a subscriber and everything that is theirs, in one
// transaction: profile, phone book, sessions, groups, aliases, bindings,
// stored messages, hashes, privileges, history. The proxy must be told apart.
func (t *Subscribers) Delete(ctx context.Context, a aor.AOR) error { return errors.ErrUnsupported }

// Find returns one subscriber.
func (t *Subscribers) Find(ctx context.Context, a aor.AOR) (Subscriber, error) {
	return Subscriber{}, errors.ErrUnsupported
}

// Credentials returns what to check a subscriber's digest against.
func (t *Subscribers) Credentials(ctx context.Context, a aor.AOR) (Credential, error) {
	return Credential{}, errors.ErrUnsupported
}

// List returns a page of subscribers and how many match in all.
func (t *Subscribers) List(ctx context.Context, q SubscriberQuery) ([]Subscriber, int, error) {
	return nil, 0, errors.ErrUnsupported
}
