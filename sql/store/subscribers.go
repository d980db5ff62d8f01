package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

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
	// HA1 and HA1B are MD5 hashes in lower-case hex, see aor.HA1 and aor.HA1B;
	// the realm is the domain. HA1B is empty if the row has none: then no
	// digest whose user name is user@domain may pass.
	HA1, HA1B string
	// SHA256 is aor.HA1SHA256, or empty if there is none that was made for the
	// same password as HA1. SHA256B is that of user@domain, as HA1B.
	SHA256, SHA256B string
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
	// Search is looked for, without regard to case, in user name, names, e-mail
	// and aliases, and around the "@" of address and aliases. Empty matches all.
	Search string
	// Domain narrows to one domain, if not empty.
	Domain string
	// Sort is the order; empty is SubscribersByUser.
	Sort SubscriberSort
	Desc bool
	// Limit is at most MaxPage; 0 means DefaultPage. Offset counts rows.
	Limit, Offset int
}

// maxPassword is the longest password in bytes.
const maxPassword = 128

func checkPassword(password string) error {
	switch {
	case password == "":
		return &FieldError{"password", "is empty"}
	case len(password) > maxPassword:
		return &FieldError{"password", fmt.Sprintf("is longer than %d bytes", maxPassword)}
	}
	return nil
}

// Create adds a subscriber with the hashes of password. It fails with
// ErrExists if the address is a subscriber's or an alias, and with a
// *FieldError on "password" if that is empty or longer than 128 bytes. What a
// former subscriber of that address left behind (kamctl rm leaves it) goes, so
// that nobody inherits it.
func (t *Subscribers) Create(ctx context.Context, a aor.AOR, password string) error {
	if err := checkAOR("aor", a); err != nil {
		return err
	}
	if err := checkPassword(password); err != nil {
		return err
	}
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return t.insert(ctx, tx, a, HashesOf(a, password))
	})
	return wrap(err, "create subscriber "+a.String())
}

// insert is Create within a transaction.
func (t *Subscribers) insert(ctx context.Context, tx *sql.Tx, a aor.AOR, h Hashes) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO subscriber (username, domain, ha1, ha1b) VALUES (?, ?, ?, ?)", a.User, a.Domain, h.HA1, h.HA1B)
	if duplicate(err) {
		return ErrExists
	}
	if err != nil {
		return err
	}
	if taken, err := t.db.isAlias(ctx, tx, a); err != nil || taken {
		return orElse(err, ErrExists)
	}
	if err := t.db.noteGiven(ctx, tx, a); err != nil {
		return err
	}
	if err := erase(ctx, tx, a); err != nil || h.SHA256 == "" { // what is imported has the MD5 ones only
		return err
	}
	return t.putSHA256(ctx, tx, a, h.HA1, h.SHA256, h.SHA256B)
}

// SetPassword replaces all hashes. Sessions stay: see Sessions.RevokeAll.
func (t *Subscribers) SetPassword(ctx context.Context, a aor.AOR, password string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return t.update(ctx, tx, a, HashesOf(a, password))
	})
	return wrap(err, "password of "+a.String())
}

// update is SetPassword within a transaction.
func (t *Subscribers) update(ctx context.Context, tx *sql.Tx, a aor.AOR, h Hashes) error {
	result, err := tx.ExecContext(ctx, "UPDATE subscriber SET ha1 = ?, ha1b = ? WHERE username = ? AND domain = ?", h.HA1, h.HA1B, a.User, a.Domain)
	if err := matched(result, err); err != nil {
		return err
	}
	return t.putSHA256(ctx, tx, a, h.HA1, h.SHA256, h.SHA256B)
}

// Hashes are all that is kept of a password; see Credential.
type Hashes struct{ HA1, HA1B, SHA256, SHA256B string }

// HashesOf makes the hashes of a subscriber's password.
func HashesOf(a aor.AOR, password string) Hashes {
	return Hashes{
		HA1: aor.HA1(a.User, a.Domain, password), HA1B: aor.HA1B(a.User, a.Domain, password),
		SHA256: aor.HA1SHA256(a.User, a.Domain, password), SHA256B: aor.HA1SHA256(a.User+"@"+a.Domain, a.Domain, password),
	}
}

// check reports hashes that no password has.
func (h Hashes) check() error {
	if !isHex(h.HA1, 32) || !isHex(h.HA1B, 32) || !isHex(h.SHA256, 64) || !isHex(h.SHA256B, 64) {
		return &FieldError{"password", "is not given by its hashes"}
	}
	return nil
}

func (t *Subscribers) putSHA256(ctx context.Context, tx *sql.Tx, a aor.AOR, ha1, sha256, sha256b string) error {
	statement := upsert(t.db.target.dialect, "credential_sha256",
		[]string{"username", "domain", "ha1", "sha256", "sha256b", "modified"},
		[]string{"username", "domain"}, []string{"ha1", "sha256", "sha256b", "modified"}, 1)
	_, err := tx.ExecContext(ctx, statement, a.User, a.Domain, ha1, sha256, sha256b, stamp(t.db.present()))
	return err
}

// StoreSHA256 keeps the SHA-256 hash made from a password that was just proved
// right against the given MD5 ha1 (at a sign-in), and sha256b, that of
// user@domain. If the row has changed meanwhile nothing is stored, and that is no
// error.
func (t *Subscribers) StoreSHA256(ctx context.Context, a aor.AOR, ha1, sha256, sha256b string) error {
	if !isHex(ha1, 32) {
		return &FieldError{"ha1", "is not an MD5 hash in hex"}
	}
	if !isHex(sha256, 64) || !isHex(sha256b, 64) {
		return &FieldError{"sha256", "is not a SHA-256 hash in hex"}
	}
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		current, err := one(ctx, tx, scanText,
			"SELECT ha1 FROM subscriber WHERE username = ? AND domain = ?"+forUpdate(t.db.target.dialect), a.User, a.Domain)
		if err != nil || !strings.EqualFold(current, ha1) {
			return err
		}
		return t.putSHA256(ctx, tx, a, current, sha256, sha256b)
	})
	return wrap(err, "SHA-256 hash of "+a.String())
}

// Delete removes a subscriber and everything that is theirs, in one
// transaction: profile, phone book, sessions, groups, aliases, bindings,
// stored messages, hashes, privileges, history. The proxy must be told apart.
// The name, and its aliases, are kept from newcomers for Options.KeepFreed.
// ErrLastAdmin if nobody could administer without the account.
func (t *Subscribers) Delete(ctx context.Context, a aor.AOR) error {
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.keepAdmin(ctx, tx, a); err != nil {
			return err
		}
		if err := matched(tx.ExecContext(ctx, "DELETE FROM subscriber WHERE username = ? AND domain = ?", a.User, a.Domain)); err != nil {
			return err
		}
		if err := t.db.noteFreed(ctx, tx, a); err != nil { // before its aliases go
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM location WHERE username = ? AND domain = ?", a.User, a.Domain); err != nil {
			return err
		}
		return erase(ctx, tx, a)
	})
	return wrap(err, "delete subscriber "+a.String())
}

// Columns and tables of a Subscriber. A row that kamctl made has no profile.
const (
	subscriberColumns = "s.username, s.domain, COALESCE(p.first_name, ''), COALESCE(p.last_name, ''), COALESCE(p.email, ''), COALESCE(p.disabled, 0)"
	subscriberTables  = " FROM subscriber s LEFT JOIN profile p ON p.username = s.username AND p.domain = s.domain"
)

func scanSubscriber(s scanner) (v Subscriber, err error) {
	return v, s.Scan(&v.AOR.User, &v.AOR.Domain, &v.FirstName, &v.LastName, &v.Email, &v.Disabled)
}

// Find returns one subscriber.
func (t *Subscribers) Find(ctx context.Context, a aor.AOR) (Subscriber, error) {
	v, err := one(ctx, t.db.read, scanSubscriber,
		"SELECT "+subscriberColumns+subscriberTables+" WHERE s.username = ? AND s.domain = ?", a.User, a.Domain)
	return v, wrap(err, "subscriber "+a.String())
}

// Credentials returns what to check a subscriber's digest against. A row
// whose ha1 is not an MD5 hash, such as an empty one, is ErrNotFound: there is
// no password that opens it.
func (t *Subscribers) Credentials(ctx context.Context, a aor.AOR) (Credential, error) {
	const query = "SELECT s.ha1, s.ha1b, COALESCE(c.ha1, ''), COALESCE(c.sha256, ''), COALESCE(c.sha256b, ''), COALESCE(p.disabled, 0)" + subscriberTables +
		" LEFT JOIN credential_sha256 c ON c.username = s.username AND c.domain = s.domain" +
		" WHERE s.username = ? AND s.domain = ?"
	c, err := one(ctx, t.db.read, scanCredential, query, a.User, a.Domain)
	if err == nil && c.HA1 == "" {
		c, err = Credential{}, ErrNotFound
	}
	return c, wrap(err, "credentials of "+a.String())
}

// scanCredential leaves out what is no hash.
func scanCredential(s scanner) (Credential, error) {
	var c Credential
	var madeWith string
	if err := s.Scan(&c.HA1, &c.HA1B, &madeWith, &c.SHA256, &c.SHA256B, &c.Disabled); err != nil {
		return Credential{}, err
	}
	if !strings.EqualFold(madeWith, c.HA1) {
		c.SHA256, c.SHA256B = "", ""
	}
	c.HA1, c.HA1B = hash(c.HA1, 32), hash(c.HA1B, 32)
	c.SHA256, c.SHA256B = hash(c.SHA256, 64), hash(c.SHA256B, 64)
	return c, nil
}

// hash returns a hash of n digits in lower case, and "" for what is none.
func hash(s string, n int) string {
	if !isHex(s, n) {
		return ""
	}
	return strings.ToLower(s)
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// subscriberKeys are the columns of each order.
func (t *Subscribers) subscriberKeys(sort SubscriberSort) ([]string, error) {
	d := t.db.target.dialect
	last, first := ignoreCase(d, "COALESCE(p.last_name, '')"), ignoreCase(d, "COALESCE(p.first_name, '')")
	switch sort {
	case "", SubscribersByUser:
		return []string{"s.username", "s.domain"}, nil
	case SubscribersByName:
		return []string{last, first, "s.username", "s.domain"}, nil
	case SubscribersByEmail:
		return []string{ignoreCase(d, "COALESCE(p.email, '')"), "s.username", "s.domain"}, nil
	}
	return nil, &FieldError{"sort", "is not an order of subscribers"}
}

// List returns a page of subscribers and how many match in all.
func (t *Subscribers) List(ctx context.Context, q SubscriberQuery) ([]Subscriber, int, error) {
	keys, err := t.subscriberKeys(q.Sort)
	if err != nil {
		return nil, 0, err
	}
	var f filter
	if q.Domain != "" {
		f.and("s.domain = ?", q.Domain)
	}
	if q.Search != "" {
		f.searchFor(q.Search)
	}
	list, total, err := listPage(ctx, t.db.read, scanSubscriber, subscriberColumns, subscriberTables, f, orderBy(keys, q.Desc), q.Limit, q.Offset)
	return list, total, wrap(err, "list subscribers")
}

// PlainTextPasswords counts the rows whose column password is filled (kamctl
// does that unless STORE_PLAINTEXT_PW=0). What stands there is never read.
func (t *Subscribers) PlainTextPasswords(ctx context.Context) (int, error) {
	n, err := one(ctx, t.db.read, scanInt, "SELECT COUNT(*) FROM subscriber WHERE password <> ''")
	return n, wrap(err, "count plain-text passwords")
}

// Capitals counts the rows whose user name or domain holds an ASCII capital:
// kamctl stores names as they are typed, and no phone reaches such an account,
// because addresses are compared in lower case.
func (t *Subscribers) Capitals(ctx context.Context) (int, error) {
	d := t.db.target.dialect
	n, err := one(ctx, t.db.read, scanInt,
		"SELECT COUNT(*) FROM subscriber WHERE "+hasUpper(d, "username")+" OR "+hasUpper(d, "domain"))
	return n, wrap(err, "count names with capitals")
}
