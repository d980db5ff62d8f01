package store

import (
	"context"
	"errors"
	"time"

	"seraph/sql/aor"
)

// Profiles is the table profile: what a subscriber tells and wishes. A
// subscriber without a row (made by kamctl) has the default profile.
type Profiles struct{ db *DB }

// Presence says who may see whether a user is on line.
type Presence string

// The levels of presence privacy.
const (
	PresenceNobody   Presence = "nobody"
	PresenceSignedIn Presence = "signed-in" // the default
	PresenceEveryone Presence = "everyone"
)

// Profile is one user's profile. Lengths are in characters.
type Profile struct {
	AOR       aor.AOR
	FirstName string // at most 64
	LastName  string // at most 64
	Email     string // at most 254; empty or with one @
	Phone     string // at most 32; digits, +, space, - ( ) . /
	TimeZone  string // an IANA name, at most 64; empty: the server's default
	Language  string // a BCP 47 tag, at most 16; empty: what the browser asks for
	Theme     string // "", "light" or "dark"
	Presence  Presence
	// Findable lets others find the user in the white pages; off by default.
	Findable bool
	// AutoAnswer asks the user's phone to answer click-to-dial by itself.
	AutoAnswer bool
	// MissedMail is the address to which missed calls are mailed; empty: none.
	MissedMail string // at most 254
	// Disabled is read here and written by SetDisabled only.
	Disabled bool
	// Created and Modified are zero for a default profile.
	Created, Modified time.Time
}

// Name returns first and last name, or the user part of the address if both
// are empty.
func (p Profile) Name() string { return "" }

// Load returns the profile of a subscriber, ErrNotFound if there is none such.
func (t *Profiles) Load(ctx context.Context, a aor.AOR) (Profile, error) {
	return Profile{}, errors.ErrUnsupported
}

// Save writes a profile, all but Disabled. It fails with ErrNotFound if there
// is no such subscriber and with a *FieldError for the first bad field.
func (t *Profiles) Save(ctx context.Context, p Profile) error { return errors.ErrUnsupported }

// SetDisabled closes or reopens an account; closing ends its sessions.
func (t *Profiles) SetDisabled(ctx context.Context, a aor.AOR, disabled bool) error {
	return errors.ErrUnsupported
}

// Presences returns the privacy of those of the addresses that are
// subscribers, in one query for many.
func (t *Profiles) Presences(ctx context.Context, as []aor.AOR) (map[aor.AOR]Presence, error) {
	return nil, errors.ErrUnsupported
}
