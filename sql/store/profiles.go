package store

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // names of time zones, on every machine the same

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
	Email     string // empty, or one that aor.Mail takes
	// Unconfirmed says that Email is only what the user typed: no mail goes there.
	Unconfirmed bool
	Phone       string // at most 32; digits, +, space, - ( ) . /
	TimeZone    string // an IANA name, at most 64; empty: the server's default
	Language    string // a BCP 47 tag, at most 16; empty: what the browser asks for
	Theme       string // "", "light" or "dark"
	Presence    Presence
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
func (p Profile) Name() string { return orText(fullName(p.FirstName, p.LastName), p.AOR.User) }

// fullName joins two names, each of which may be empty.
func fullName(first, last string) string { return strings.TrimSpace(first + " " + last) }

// orText returns s, or other if that is empty.
func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Load returns the profile of a subscriber, ErrNotFound if there is none such.
func (t *Profiles) Load(ctx context.Context, a aor.AOR) (Profile, error) {
	p, err := t.load(ctx, t.db.read, a)
	return p, wrap(err, "profile of "+a.String())
}

func (t *Profiles) load(ctx context.Context, q querier, a aor.AOR) (Profile, error) {
	const query = "SELECT s.username, s.domain, COALESCE(p.first_name, ''), COALESCE(p.last_name, ''), COALESCE(p.email, '')," +
		" COALESCE(p.phone, ''), COALESCE(p.time_zone, ''), COALESCE(p.language, ''), COALESCE(p.theme, '')," +
		" COALESCE(p.presence, '" + string(PresenceSignedIn) + "'), COALESCE(p.findable, 0), COALESCE(p.auto_answer, 0)," +
		" COALESCE(p.missed_mail, ''), COALESCE(p.disabled, 0), p.created, p.modified, CASE WHEN " + unconfirmedMail + " THEN 1 ELSE 0 END" + subscriberTables +
		" WHERE s.username = ? AND s.domain = ?"
	return one(ctx, q, scanProfile, query, a.User, a.Domain)
}

func scanProfile(s scanner) (p Profile, err error) {
	err = s.Scan(&p.AOR.User, &p.AOR.Domain, &p.FirstName, &p.LastName, &p.Email, &p.Phone, &p.TimeZone, &p.Language, &p.Theme,
		&p.Presence, &p.Findable, &p.AutoAnswer, &p.MissedMail, &p.Disabled, moment{&p.Created}, moment{&p.Modified}, &p.Unconfirmed)
	p.Presence = p.Presence.known()
	return p, err
}

// known takes a level that this program does not know for the strictest.
func (p Presence) known() Presence {
	switch p {
	case PresenceNobody, PresenceSignedIn, PresenceEveryone:
		return p
	}
	return PresenceNobody
}

// Save writes a profile, all but Disabled and the times; space around texts is
// dropped, an empty Presence is the default. It fails with ErrNotFound if there
// is no such subscriber and with a *FieldError for the first bad field; a mail
// address that is there already is not looked at, for other programs wrote some.
// With another mail address, links that were mailed to the one before are void.
func (t *Profiles) Save(ctx context.Context, p Profile) error {
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, p.AOR); err != nil {
			return err
		}
		return t.save(ctx, tx, p)
	})
	return wrap(err, "profile of "+p.AOR.String())
}

// save is Save for a caller that holds the subscriber's lock.
func (t *Profiles) save(ctx context.Context, tx *sql.Tx, p Profile) error {
	p.trim()
	before, err := one(ctx, tx, scanText, "SELECT email FROM profile WHERE username = ? AND domain = ?", p.AOR.User, p.AOR.Domain)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := p.check(before); err != nil {
		return err
	}
	if before != p.Email {
		if err := dropLinks(ctx, tx, p.AOR); err != nil {
			return err
		}
	}
	return t.write(ctx, tx, p)
}

// write is Save within a transaction, of a profile that is checked.
func (t *Profiles) write(ctx context.Context, tx *sql.Tx, p Profile) error {
	columns := []string{"username", "domain", "first_name", "last_name", "email", "phone", "time_zone", "language", "theme",
		"presence", "findable", "auto_answer", "missed_mail", "search", "modified", "created"}
	statement := upsert(t.db.target.dialect, "profile", columns, columns[:2], columns[2:len(columns)-1], 1)
	now := stamp(t.db.present())
	_, err := tx.ExecContext(ctx, statement, p.AOR.User, p.AOR.Domain, p.FirstName, p.LastName, p.Email, p.Phone,
		p.TimeZone, p.Language, p.Theme, string(p.Presence), p.Findable, p.AutoAnswer, p.MissedMail,
		fold(p.AOR.User, p.FirstName, p.LastName, p.Email), now, now)
	if err == nil {
		err = t.db.markMail(ctx, tx, p.AOR, p.Email != "" && p.Unconfirmed)
	}
	return orElse(err, listWhitePage(ctx, tx, p))
}

// Check reports as a *FieldError what Save would not take.
func (p Profile) Check() error {
	p.trim()
	return p.check("")
}

func (p *Profile) trim() {
	for _, text := range []*string{&p.FirstName, &p.LastName, &p.Email, &p.Phone, &p.TimeZone, &p.Language, &p.MissedMail} {
		*text = strings.TrimSpace(*text)
	}
	if p.Presence == "" {
		p.Presence = PresenceSignedIn
	}
}

// check is Check; kept is a mail address that may stay whatever it is.
func (p *Profile) check(kept string) error {
	isMail := func(s string) bool {
		_, err := aor.Mail(s)
		return err == nil || s == kept
	}
	for _, f := range []struct {
		field, text string
		most        int
		form        func(string) bool // nil: any
		want        string
	}{
		{"first_name", p.FirstName, 64, nil, ""},
		{"last_name", p.LastName, 64, nil, ""},
		{"email", p.Email, 254, isMail, "is not an address like alice@example.org"},
		{"phone", p.Phone, 32, isPhone, "has other characters than digits, +, space and - ( ) . /"},
		{"time_zone", p.TimeZone, 64, isTimeZone, "is not a time zone like Europe/Prague"},
		{"language", p.Language, 16, languageTag.MatchString, "is not a language tag like en or pt-BR"},
		{"theme", p.Theme, 8, isTheme, "is neither light nor dark"},
		{"presence", string(p.Presence), 16, isPresence, "is not nobody, signed-in or everyone"},
		{"missed_mail", p.MissedMail, 254, isMail, "is not an address like alice@example.org"},
	} {
		if err := checkText(f.field, f.text, f.most); err != nil {
			return err
		}
		if f.text != "" && f.form != nil && !f.form(f.text) {
			return &FieldError{f.field, f.want}
		}
	}
	return nil
}

// languageTag is the shape of a BCP 47 tag.
var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

func isPhone(s string) bool { return strings.Trim(s, "0123456789+ -()./") == "" }

func isTheme(s string) bool { return s == "light" || s == "dark" }

func isPresence(s string) bool { return Presence(s).known() == Presence(s) }

func isTimeZone(s string) bool {
	_, err := time.LoadLocation(s)
	return err == nil && s != "Local"
}

// SetDisabled closes or reopens an account; closing ends its sessions.
// ErrLastAdmin if nobody could administer without it.
func (t *Profiles) SetDisabled(ctx context.Context, a aor.AOR, disabled bool) error {
	columns := []string{"username", "domain", "disabled", "modified", "search", "created"}
	statement := upsert(t.db.target.dialect, "profile", columns, columns[:2], columns[2:4], 1)
	now := stamp(t.db.present())
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, a); err != nil {
			return err
		}
		if disabled {
			if err := t.db.keepAdmin(ctx, tx, a); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, statement, a.User, a.Domain, disabled, now, fold(a.User), now); err != nil || !disabled {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM session WHERE username = ? AND domain = ?", a.User, a.Domain)
		return err
	})
	return wrap(err, "close or reopen "+a.String())
}

// presenceChunk bounds the addresses of one query; SQLite takes no expression
// that is nested deeper than 1000.
const presenceChunk = 200

// Presences returns the privacy of those of the addresses that are
// subscribers, in one query for many.
func (t *Profiles) Presences(ctx context.Context, as []aor.AOR) (map[aor.AOR]Presence, error) {
	found := make(map[aor.AOR]Presence, len(as))
	for chunk := range slices.Chunk(as, presenceChunk) {
		args := make([]any, 0, 2*len(chunk))
		for _, a := range chunk {
			args = append(args, a.User, a.Domain)
		}
		list, err := all(ctx, t.db.read, scanPresence,
			"SELECT s.username, s.domain, COALESCE(p.presence, '"+string(PresenceSignedIn)+"')"+subscriberTables+
				" WHERE (s.username = ? AND s.domain = ?)"+strings.Repeat(" OR (s.username = ? AND s.domain = ?)", len(chunk)-1), args...)
		if err != nil {
			return nil, wrap(err, "presence privacy")
		}
		for _, p := range list {
			found[p.AOR] = p.Presence.known()
		}
	}
	return found, nil
}

func scanPresence(s scanner) (p Profile, err error) {
	return p, s.Scan(&p.AOR.User, &p.AOR.Domain, &p.Presence)
}
