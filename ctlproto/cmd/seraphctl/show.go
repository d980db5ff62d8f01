package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show [USER[@DOMAIN]]",
		Short: "Show one user, or list all",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("show wants one USER or USER@DOMAIN, or nothing for the list of all")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.showAll(cmd.Context())
			}
			return a.withUser(cmd.Context(), args[0], a.showOne)
		},
	}
}

// userLine is a user in the JSON of the list.
type userLine struct {
	Address   string `json:"address"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	Disabled  bool   `json:"disabled"`
}

func lineOf(s store.Subscriber) userLine {
	return userLine{s.AOR.String(), s.FirstName, s.LastName, s.Email, s.Disabled}
}

func (a *app) showAll(ctx context.Context) error {
	db, err := a.openDB(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	lines, err := subscribers(ctx, db)
	if err != nil {
		return databaseError(err)
	}
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	rows := make([][]string, len(lines))
	for i, l := range lines {
		rows[i] = []string{l.Address, strings.TrimSpace(l.FirstName + " " + l.LastName), l.Email, word(l.Disabled, "disabled")}
	}
	return a.writeTable([]string{"USER", "NAME", "E-MAIL", "STATE"}, rows)
}

// subscribers lists all users, a page at a time.
func subscribers(ctx context.Context, db *store.DB) ([]userLine, error) {
	lines := []userLine{}
	for {
		page, total, err := db.Subscribers.List(ctx, store.SubscriberQuery{Limit: store.MaxPage, Offset: len(lines)})
		if err != nil {
			return nil, err
		}
		for _, s := range page {
			lines = append(lines, lineOf(s))
		}
		if len(page) == 0 || len(lines) >= total {
			return lines, nil
		}
	}
}

// userDetails is the JSON of one user. Contacts is null if the router could
// not be asked.
type userDetails struct {
	userLine
	Presence    store.Presence     `json:"presence"`
	Credentials []string           `json:"credentials"`
	Groups      []string           `json:"groups"`
	Aliases     []string           `json:"aliases"`
	Contacts    []ctlproto.Contact `json:"contacts"`
}

func (a *app) showOne(ctx context.Context, db *store.DB, user aor.AOR) error {
	d, err := details(ctx, db, user)
	if err != nil {
		return notThere(err, user)
	}
	var away error
	d.Contacts, away = a.contacts(ctx, user)
	if a.asJSON() {
		return a.writeJSON(d)
	}
	pairs := [][2]string{
		{"user", d.Address},
		{"name", orDash(strings.TrimSpace(d.FirstName + " " + d.LastName))},
		{"e-mail", orDash(d.Email)},
		{"state", orText(word(d.Disabled, "disabled"), "enabled")},
		{"presence", shownTo(d.Presence)},
		{"digests", orText(strings.Join(d.Credentials, ", "), "none: no password is set")},
		{"groups", orDash(strings.Join(d.Groups, ", "))},
		{"aliases", orDash(strings.Join(d.Aliases, ", "))},
	}
	switch {
	case away != nil:
		pairs = append(pairs, [2]string{"contacts", "not known: " + away.Error()})
	case len(d.Contacts) == 0:
		pairs = append(pairs, [2]string{"contacts", "none: no phone is registered"})
	}
	for i, c := range d.Contacts {
		name := ""
		if i == 0 {
			name = "contacts"
		}
		pairs = append(pairs, [2]string{name, strings.TrimSpace(c.Address + "  " + life(c) + "  " + c.UserAgent)})
	}
	return a.writePairs(pairs)
}

// details reads what the database knows of a user.
func details(ctx context.Context, db *store.DB, user aor.AOR) (userDetails, error) {
	var d userDetails
	s, err := db.Subscribers.Find(ctx, user)
	if err != nil {
		return d, err
	}
	d.userLine = lineOf(s)
	profile, err := db.Profiles.Load(ctx, user)
	if err != nil {
		return d, err
	}
	d.Presence = profile.Presence
	credential, err := db.Subscribers.Credentials(ctx, user)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // no password opens the account
		return d, err
	}
	d.Credentials = digests(credential)
	groups, err := db.Groups.List(ctx, user)
	if err != nil {
		return d, err
	}
	d.Groups = append([]string{}, groups...)
	aliases, err := db.Aliases.List(ctx, user)
	if err != nil {
		return d, err
	}
	d.Aliases = []string{}
	for _, alias := range aliases {
		d.Aliases = append(d.Aliases, alias.String())
	}
	return d, nil
}

// digests names the algorithms that a user's phone can use.
func digests(c store.Credential) []string {
	list := []string{}
	if c.HA1 != "" {
		list = append(list, "MD5")
	}
	if c.SHA256 != "" {
		list = append(list, "SHA-256")
	}
	return list
}

// contacts asks the router for a user's contacts; the error says that it
// cannot be asked.
func (a *app) contacts(ctx context.Context, user aor.AOR) ([]ctlproto.Contact, error) {
	c, err := a.connect(ctx)
	if err != nil {
		if notRunning(err) {
			return nil, errors.New("the router is not running")
		}
		return nil, err
	}
	defer c.Close()
	list, err := c.UlLookup(ctx, user.String())
	if gone(err) != nil {
		return nil, err
	}
	return append([]ctlproto.Contact{}, list...), nil
}

// shownTo words who may see whether a user is on line.
func shownTo(p store.Presence) string {
	if p == store.PresenceSignedIn {
		return "shown to users who are signed in"
	}
	return "shown to " + string(p)
}

// word is name if it applies.
func word(applies bool, name string) string {
	if applies {
		return name
	}
	return ""
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func orDash(s string) string { return orText(s, "-") }

// life is what is left of a contact's life, in a sentence.
func life(c ctlproto.Contact) string {
	if c.Permanent {
		return expires(c)
	}
	return "expires in " + expires(c)
}
