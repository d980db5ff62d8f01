package main

import (
	"context"
	"errors"
	"fmt"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// domain is the SIP domain of the demo. The name can never belong to anybody
// (RFC 6761 §6.2), so no phone that is set up wrongly sends a password abroad.
const domain = "demo.test"

// person is a user of the demo.
type person struct {
	name, first, last string
	phone             bool // has one that the demo runs
	admin             bool // may open /admin
}

// cast are the users of the demo. The first one is whom a newcomer signs in as,
// the second one has called and written to that one.
var cast = []person{
	{name: "alice", first: "Alice", last: "Adler", phone: true},
	{name: "bob", first: "Bob", last: "Keller", phone: true},
	{name: "carol", first: "Carol", last: "Novak"},
	{name: "admin", first: "Olga", last: "Operator", admin: true},
}

// contacts are alice's phone book.
var contacts = []store.Entry{
	{FirstName: "Bob", LastName: "Keller", Address: "sip:bob@" + domain, Group: "Colleagues"},
	{FirstName: "Carol", LastName: "Novak", Address: "sip:carol@" + domain, Group: "Colleagues"},
	{FirstName: "Dana", LastName: "Fox", Address: "sip:dana@example.com", Note: "not one of our domains"},
}

// uri is the person's address for a phone.
func (p person) uri() string { return p.aor().URI() }

func (p person) aor() aor.AOR { return aor.AOR{User: p.name, Domain: domain} }

// setTheScene makes the database what the demo needs, whatever it was before.
func setTheScene(ctx context.Context, url string, passwords map[string]string) (err error) {
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.Migrate(ctx); err != nil {
		return fmt.Errorf("database %s: %w", db, err)
	}
	if err := db.Domains.Add(ctx, domain); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	for _, p := range cast {
		if err := p.enter(ctx, db, passwords[p.name]); err != nil {
			return err
		}
		if err := p.empower(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

// empower makes an administrator of one who is to be it.
func (p person) empower(ctx context.Context, db *store.DB) error {
	if !p.admin {
		return nil
	}
	for _, privilege := range []store.Privilege{store.PrivilegeAdmin, store.PrivilegeChange} {
		if err := db.Admins.Grant(ctx, p.aor(), privilege); err != nil {
			return err
		}
	}
	return nil
}

// enter makes a user; one who is there gets the demo's password back and keeps
// the rest.
func (p person) enter(ctx context.Context, db *store.DB, password string) error {
	c, err := db.Subscribers.Credentials(ctx, p.aor())
	if err == nil {
		if c.HA1 == aor.HA1(p.name, domain, password) {
			return nil
		}
		return db.Subscribers.SetPassword(ctx, p.aor(), password)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := db.Subscribers.Create(ctx, p.aor(), password); err != nil {
		return err
	}
	profile, err := db.Profiles.Load(ctx, p.aor())
	if err != nil {
		return err
	}
	profile.FirstName, profile.LastName = p.first, p.last
	if err := db.Profiles.Save(ctx, profile); err != nil {
		return err
	}
	if p.name != cast[0].name {
		return nil
	}
	for _, c := range contacts {
		if _, err := db.Phonebook.Add(ctx, p.aor(), c); err != nil {
			return err
		}
	}
	return nil
}
