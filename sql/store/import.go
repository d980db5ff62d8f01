package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"seraph/sql/aor"
)

// Imported says what became of the rows of one table.
type Imported struct {
	Table   string
	Missing bool // the other database has no such table
	Read    int
	Added   int
	There   int // rows that were here before
	Refused []Refused
}

// Refused is a row that was not taken. Neither text holds a secret.
type Refused struct{ Row, Why string }

// ImportKamailio adds the rows of another database, Kamailio's or SER 0.9's with the
// tables' standard names: domains, subscribers with their MD5 hashes and what serweb kept of them,
// aliases of both kinds, groups, phone books, speed dials, gateways and the tables address and trusted. Rows that are here stay as
// they are, so that it may be run again. Bindings come back by themselves, when the phones
// register; old calls and messages are not taken. An error is the first one that is not
// a row's fault; what was added before it stays. It is a *FieldError if a table lacks a column.
func (db *DB) ImportKamailio(ctx context.Context, from *DB) ([]Imported, error) {
	var list []Imported
	for _, t := range []struct {
		table string
		read  func(context.Context, *importer) error
	}{
		{"domain", importDomains}, {"subscriber", importSubscribers}, {"dbaliases", importAliases}, {"aliases", importSerAliases}, {"grp", importGroups},
		{"phonebook", importPhonebook}, {"speed_dial", importSpeedDials}, {"dispatcher", importGateways}, {"address", importAddresses}, {"trusted", importTrusted},
	} {
		x := &importer{db: db, from: from, done: Imported{Table: t.table}}
		err := t.read(ctx, x)
		if missingTable(err) {
			x.done.Missing, err = true, nil
		}
		list = append(list, x.done)
		if err != nil {
			return list, wrap(err, "import "+t.table)
		}
	}
	return list, nil
}

// importer takes the rows of a table.
type importer struct {
	db, from *DB
	done     Imported
}

// maxRefused bounds the rows that are named one by one.
const maxRefused = 1000

// took notes what became of a row. It returns what is not the row's fault.
func (x *importer) took(row string, err error) error {
	x.done.Read++
	var field *FieldError
	switch {
	case err == nil:
		x.done.Added++
	case errors.Is(err, ErrExists):
		x.done.There++
	case errors.Is(err, ErrNotFound):
		x.refuse(row, "its user is not here")
	case errors.Is(err, ErrFull):
		x.refuse(row, "its user has too many")
	case errors.As(err, &field):
		x.refuse(row, field.Error())
	default:
		return err
	}
	return nil
}

func (x *importer) refuse(row, why string) {
	if len(x.done.Refused) < maxRefused {
		x.done.Refused = append(x.done.Refused, Refused{row, why})
	}
}

// each reads rows of the other database, by columns as query has them, and takes them one by one. One that cannot be read,
// for a NULL where there has to be a value above all, is refused; the others follow.
func each[T any](ctx context.Context, x *importer, scan func(scanner) (T, error), columns []string, take func(T) (row string, err error)) error {
	query, err := x.query(ctx, x.done.Table, columns...)
	if err != nil {
		return err
	}
	list, err := all(ctx, x.from.read, func(s scanner) (l foreignRow[T], _ error) {
		c := &cautious{s: s}
		l.value, l.fault = scan(c)
		if l.fault == nil && c.null {
			l.fault = &FieldError{"row", "has no value (NULL) where there has to be one"}
		} else if l.fault != nil {
			l.fault = &FieldError{"row", "cannot be read"}
		}
		l.name = c.name
		return l, nil
	}, query)
	if err != nil {
		return err
	}
	for _, l := range list {
		row, err := l.name, l.fault
		if err == nil {
			row, err = take(l.value)
		}
		if err := x.took(row, err); err != nil {
			return err
		}
	}
	return nil
}

// foreignRow is a row of the other database, or why it cannot be read.
type foreignRow[T any] struct {
	value T
	name  string
	fault error
}

// cautious scans rows that have NULLs where texts and numbers are read.
type cautious struct {
	s    scanner
	null bool
	name string // the first two texts of the row; no secret is among them
}

func (c *cautious) Scan(dest ...any) error {
	texts, numbers, dests := make([]sql.NullString, len(dest)), make([]sql.NullInt64, len(dest)), slices.Clone(dest)
	for i, d := range dest {
		switch d.(type) {
		case *string:
			dests[i] = &texts[i]
		case *int:
			dests[i] = &numbers[i]
		}
	}
	err := c.s.Scan(dests...)
	var named []string
	for i, d := range dest {
		switch d := d.(type) {
		case *string:
			*d = texts[i].String
			c.null = c.null || !texts[i].Valid
			if len(named) < 2 {
				named = append(named, texts[i].String)
			}
		case *int:
			*d = int(numbers[i].Int64)
			c.null = c.null || !numbers[i].Valid
		}
	}
	c.name = strings.Join(named, "@")
	return err
}

func importDomains(ctx context.Context, x *importer) error {
	return each(ctx, x, scanText, []string{"domain"}, func(name string) (string, error) {
		if canonical, err := aor.ParseDomain(name); err == nil {
			name = canonical
		} else {
			return name, &FieldError{"domain", "is no domain"}
		}
		return name, x.db.Domains.Add(ctx, name)
	})
}

// account is a row of subscriber.
type account struct {
	user, domain, password, ha1, ha1b string
	person                            serPerson
}

// hash is that of the password, which stands there or has been left in clear text.
func (a *account) hash() string {
	if a.ha1 == "" {
		return aor.HA1(a.user, a.domain, a.password)
	}
	return strings.ToLower(a.ha1)
}

func importSubscribers(ctx context.Context, x *importer) error {
	scan := func(s scanner) (a account, err error) {
		return a, s.Scan(append([]any{&a.user, &a.domain, &a.password, &a.ha1, &a.ha1b}, a.person.dest()...)...)
	}
	columns := append([]string{"username", "domain", "password=''", "ha1=''", "ha1b=''"}, serPersonColumns...)
	return each(ctx, x, scan, columns, func(a account) (string, error) {
		row := a.user + "@" + a.domain
		address, err := aor.New(a.user, a.domain)
		switch {
		case err != nil:
			return row, &FieldError{"username and domain", "are no address"}
		case address.User != a.user || address.Domain != a.domain:
			// The hash is of the name as it is written: in lower case no phone could prove it.
			return row, &FieldError{"username and domain", "are not in lower case; the password has to be set anew"}
		case a.ha1 == "" && a.password != "":
			err = x.db.Subscribers.Create(ctx, address, a.password)
		case !md5Hex.MatchString(a.ha1):
			return row, &FieldError{"ha1", "is no MD5 hash"}
		default:
			err = x.db.Subscribers.createHashed(ctx, address, a.hash(), strings.ToLower(a.ha1b))
		}
		return row, x.person(ctx, address, a, err)
	})
}

var md5Hex = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

// createHashed is Create with the hashes of a password that nobody knows.
func (t *Subscribers) createHashed(ctx context.Context, a aor.AOR, ha1, ha1b string) error {
	if err := checkAOR("aor", a); err != nil {
		return err
	}
	if !md5Hex.MatchString(ha1b) {
		ha1b = ""
	}
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error { return t.insert(ctx, tx, a, Hashes{HA1: ha1, HA1B: ha1b}) })
	return wrap(err, "create subscriber "+a.String())
}

func importAliases(ctx context.Context, x *importer) error {
	columns := []string{"alias_username", "alias_domain", "username", "domain"}
	return each(ctx, x, scanAlias, columns, func(pair [2]aor.AOR) (string, error) {
		// With alias_db's use_domain 0 the names count alone: then both are of one domain.
		pair[0].Domain, pair[1].Domain = cmp.Or(pair[0].Domain, pair[1].Domain), cmp.Or(pair[1].Domain, pair[0].Domain)
		row := fmt.Sprintf("%s@%s", pair[0].User, pair[0].Domain)
		alias, err1 := aor.New(pair[0].User, pair[0].Domain)
		target, err2 := aor.New(pair[1].User, pair[1].Domain)
		if err1 != nil || err2 != nil {
			return row, &FieldError{"alias", "or its target is no address"}
		}
		return row, x.alias(ctx, alias, target)
	})
}

// alias adds an alias. That it is another one's here is the row's fault.
func (x *importer) alias(ctx context.Context, alias, target aor.AOR) error {
	mine, err := x.db.Aliases.List(ctx, target)
	if err != nil || slices.Contains(mine, alias) {
		return orElse(err, ErrExists)
	}
	if err = x.db.Aliases.Add(ctx, alias, target); errors.Is(err, ErrExists) {
		err = &FieldError{"alias", "is here already, and not as one of " + target.String()}
	}
	return err
}

// serAlias is a row of aliases, a table like location: a user part that is "registered" at
// the address of a user. "serctl alias add" wrote it.
type serAlias struct{ user, domain, contact string }

func importSerAliases(ctx context.Context, x *importer) error {
	scan := func(s scanner) (p serAlias, err error) { return p, s.Scan(&p.user, &p.domain, &p.contact) }
	return each(ctx, x, scan, []string{"username", "domain=''", "contact"}, func(p serAlias) (string, error) {
		target, wrong := aor.Parse(p.contact, "")
		if p.domain == "" {
			p.domain = target.Domain // usrloc's use_domain 0: a name has no domain
		}
		row := p.user + "@" + p.domain
		if wrong != nil {
			return row, &FieldError{"contact", "is not the address of a user"}
		}
		alias, err := aor.New(p.user, p.domain)
		if err != nil {
			return row, &FieldError{"username and domain", "are no address"}
		}
		return row, x.alias(ctx, alias, target)
	})
}

func importGroups(ctx context.Context, x *importer) error {
	return each(ctx, x, scanMember, []string{"username", "domain", "grp"}, func(m member) (string, error) {
		row := fmt.Sprintf("%s@%s in %s", m.user.User, m.user.Domain, m.group)
		user, err := aor.New(m.user.User, m.user.Domain)
		if err != nil {
			return row, &FieldError{"username and domain", "are no address"}
		}
		added, err := x.db.Groups.GrantNew(ctx, user, m.group)
		if err == nil && !added {
			err = ErrExists
		}
		return row, err
	})
}

func importSpeedDials(ctx context.Context, x *importer) error {
	columns := []string{
		"username", "domain", "sd_username|username_from_req_uri", "sd_domain|domain_from_req_uri", "new_uri|new_request_uri", "fname=''", "lname=''", "description=''",
	}
	return each(ctx, x, scanSpeedDial, columns, func(d SpeedDial) (string, error) {
		row := fmt.Sprintf("%s@%s of %s@%s", d.Dialed.User, d.Dialed.Domain, d.Owner.User, d.Owner.Domain)
		owner, err1 := aor.New(d.Owner.User, d.Owner.Domain)
		dialed, err2 := aor.New(d.Dialed.User, d.Dialed.Domain)
		if err1 != nil || err2 != nil {
			return row, &FieldError{"number", "or its owner is no address"}
		}
		d.Owner, d.Dialed = owner, dialed
		return row, x.db.SpeedDials.Add(ctx, d)
	})
}

func importGateways(ctx context.Context, x *importer) error {
	here, err := x.db.Dispatcher.All(ctx)
	if err != nil {
		return err
	}
	columns := []string{"setid", "destination", "flags=0", "priority=0", "attrs=''", "description=''"}
	return each(ctx, x, scanGateway, columns, func(g Gateway) (string, error) {
		row := fmt.Sprintf("%s of set %d", g.URI, g.Set)
		if slices.ContainsFunc(here, func(o Gateway) bool { return o.Set == g.Set && o.URI == g.URI }) {
			return row, ErrExists
		}
		return row, x.db.Dispatcher.Add(ctx, g)
	})
}

func importAddresses(ctx context.Context, x *importer) error {
	return each(ctx, x, scanAddress, []string{"grp", "ip_addr", "mask", "port=0", "tag=''"}, func(a Address) (string, error) {
		if _, err := netip.ParseAddr(a.IP); err == nil && a.Mask == 0 {
			// Kamailio takes it for the network of all hosts; here it would be the one host.
			return a.String(), &FieldError{"mask", "0 means every host there; who is meant has to be added by hand"}
		}
		return a.String(), x.db.Addresses.Add(ctx, a)
	})
}

func importTrusted(ctx context.Context, x *importer) error {
	here, err := x.db.Trusted.All(ctx)
	if err != nil {
		return err
	}
	columns := []string{"src_ip", "proto", "from_pattern=''", "ruri_pattern=''", "tag=''", "priority=0"}
	return each(ctx, x, scanTrusted, columns, func(p TrustedPeer) (string, error) {
		canonical, err := p.Canonical()
		if err == nil && slices.Contains(here, canonical) {
			err = ErrExists
		}
		if err == nil {
			err = x.db.Trusted.Add(ctx, p)
		}
		return p.IP, err
	})
}
