package store

import (
	"context"
	"database/sql"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"seraph/sql/aor"
)

// Locations is the table location: the bindings of the registrar. Only the
// proxy writes it.
type Locations struct{ db *DB }

// AllMethods as Binding.Methods says that the phone did not restrict them.
const AllMethods = ^uint32(0)

// Binding is one row. Lengths are in characters.
type Binding struct {
	RUID         string // 1 to 64, ASCII; the row's identity
	AOR          aor.AOR
	Contact      string    // 1 to 512
	Received     string    // at most 128
	Path         string    // at most 512
	Expires      time.Time // zero: permanent
	Q            float64   // 0 to 1, or -1 for none; the column keeps two decimals
	CallID       string    // at most 255
	CSeq         uint32    // at most 2^31-1 (RFC 3261 §8.1.1.5)
	LastModified time.Time
	Flags        uint32
	CFlags       uint32
	UserAgent    string // cut to 255, bad UTF-8 replaced: it is for people only
	Socket       string // at most 64
	Methods      uint32 // bit set; AllMethods for no restriction
	Instance     string // at most 255
	RegID        int32
	ServerID     int32
	ConnectionID int32
	Keepalive    int32
	Partition    int32
}

// Check reports, as a *FieldError, the first field that the table cannot hold.
func (b *Binding) Check() error {
	if !isRUID(b.RUID) {
		return &FieldError{"ruid", "is not 1 to 64 ASCII characters without space"}
	}
	if err := checkAOR("aor", b.AOR); err != nil {
		return err
	}
	if b.Contact == "" {
		return &FieldError{"contact", "is empty"}
	}
	texts := [...]struct {
		field, text string
		most        int
	}{
		{"contact", b.Contact, 512}, {"received", b.Received, 128}, {"path", b.Path, 512},
		{"call_id", b.CallID, 255}, {"socket", b.Socket, 64}, {"instance", b.Instance, 255},
	}
	for i := range texts {
		if err := checkText(texts[i].field, texts[i].text, texts[i].most); err != nil {
			return err
		}
	}
	return b.checkNumbers()
}

func (b *Binding) checkNumbers() error {
	switch {
	case !(b.Q == -1 || b.Q >= 0 && b.Q <= 1): // not a number is neither
		return &FieldError{"q", "is not from 0 to 1"}
	case b.CSeq > math.MaxInt32:
		return &FieldError{"cseq", "is not below 2^31"}
	case !b.Expires.IsZero() && !storable(b.Expires):
		return &FieldError{"expires", "is not a time from 1970 to 9998"}
	case !storable(b.LastModified):
		return &FieldError{"last_modified", "is not a time from 1970 to 9998"}
	}
	return nil
}

func isRUID(s string) bool {
	return len(s) >= 1 && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func storable(t time.Time) bool { return t.Unix() >= 0 && t.Unix() < permanent.Unix() }

// permanent is how the column expires says "for ever".
var permanent = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// LocationOp is one change: the upsert of a binding, or the deletion of the
// row with Binding.RUID.
type LocationOp struct {
	Delete  bool
	Binding Binding // only RUID counts if Delete
	// Known, of a deletion, spares a row that has been modified after it, as by another
	// proxy; zero spares none.
	Known time.Time
}

// locationColumns are the columns of a Binding, its identity first.
var locationColumns = []string{
	"ruid", "username", "domain", "contact", "received", "path", "expires", "q", "callid", "cseq", "last_modified",
	"flags", "cflags", "user_agent", "socket", "methods", "instance", "reg_id", "server_id", "connection_id", "keepalive", "`partition`",
}

// Rows of one statement. A page or a chunk of ordinary rows is some 100 kB,
// of the longest possible ones 4 MB.
const (
	loadPage    = 1000
	upsertChunk = 200
	deleteChunk = 1000
	knownChunk  = 200 // SQLite bounds the depth of a condition
)

// LoadAll calls fn for every row, expired ones too, until fn returns an error,
// which it hands back. It holds no transaction while fn runs. A row of another
// program without a domain comes with an AOR that has none.
func (t *Locations) LoadAll(ctx context.Context, fn func(Binding) error) error {
	for last := int64(-1); ; {
		rows, err := t.load(ctx, "id > ? ORDER BY id LIMIT ?", last, loadPage)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := fn(rows[i].binding); err != nil {
				return err
			}
		}
		if len(rows) < loadPage {
			return nil
		}
		last = rows[len(rows)-1].id
	}
}

// LoadRows returns those rows of ruids that there are, expired ones too, in no order.
func (t *Locations) LoadRows(ctx context.Context, ruids []string) ([]Binding, error) {
	var list []Binding
	for chunk := range slices.Chunk(ruids, deleteChunk) {
		args := make([]any, len(chunk))
		for i, ruid := range chunk {
			args[i] = ruid
		}
		rows, err := t.load(ctx, "ruid IN ("+placeholders(len(chunk))+")", args...)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			list = append(list, rows[i].binding)
		}
	}
	return list, nil
}

// load reads the rows that a condition chooses.
func (t *Locations) load(ctx context.Context, where string, args ...any) ([]locationRow, error) {
	rows, err := all(ctx, t.db.read, scanLocation, "SELECT id, "+strings.Join(locationColumns, ", ")+" FROM location WHERE "+where, args...)
	return rows, wrap(err, "load locations")
}

type locationRow struct {
	id      int64
	binding Binding
}

func scanLocation(s scanner) (locationRow, error) {
	var r locationRow
	var domain, received, path, socket, instance sql.NullString
	var methods sql.NullInt64
	var cseq, flags, cflags int64
	b := &r.binding
	err := s.Scan(&r.id, &b.RUID, &b.AOR.User, &domain, &b.Contact, &received, &path, moment{&b.Expires}, &b.Q, &b.CallID, &cseq,
		moment{&b.LastModified}, &flags, &cflags, &b.UserAgent, &socket, &methods, &instance,
		&b.RegID, &b.ServerID, &b.ConnectionID, &b.Keepalive, &b.Partition)
	b.AOR.Domain, b.Received, b.Path = domain.String, received.String, path.String
	b.Socket, b.Instance = socket.String, instance.String
	// The columns are signed, as in Kamailio: the highest bit is the sign.
	b.CSeq, b.Flags, b.CFlags = uint32(cseq), uint32(flags), uint32(cflags)
	b.Methods = AllMethods
	if methods.Valid {
		b.Methods = uint32(methods.Int64)
	}
	if !b.Expires.Before(permanent) {
		b.Expires = time.Time{}
	}
	b.Q = math.Round(b.Q*100) / 100
	return r, err
}

// row is the binding as the columns take it.
func (b *Binding) row(args []any) []any {
	expires := permanent
	if !b.Expires.IsZero() {
		expires = b.Expires
	}
	var methods any
	if b.Methods != AllMethods {
		methods = int32(b.Methods) // the column is signed, the highest bit is the sign
	}
	return append(args, b.RUID, b.AOR.User, b.AOR.Domain, b.Contact, orNull(b.Received), orNull(b.Path), stamp(expires),
		math.Round(b.Q*100)/100, b.CallID, b.CSeq, stamp(b.LastModified),
		int32(b.Flags), int32(b.CFlags), cut(b.UserAgent, 255), orNull(b.Socket), methods, orNull(b.Instance),
		b.RegID, b.ServerID, b.ConnectionID, b.Keepalive, b.Partition)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// ApplyBatch applies the changes in one transaction of few statements; of
// several changes of one RUID the last counts. Applying a batch again changes
// nothing. If it returns an error nothing of the batch was applied, except
// that after a lost connection it may have been: apply it again. If
// IsUnavailable(err) is false, at least one row was refused; split the batch.
func (t *Locations) ApplyBatch(ctx context.Context, ops []LocationOp) error {
	puts, ruids, known, err := lastOps(ops)
	if err != nil || len(puts)+len(ruids)+len(known) == 0 {
		return err
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var args []any
		for chunk := range slices.Chunk(puts, upsertChunk) {
			args = args[:0]
			for _, b := range chunk {
				args = b.row(args)
			}
			statement := upsert(t.db.target.dialect, "location", locationColumns, locationColumns[:1], locationColumns[1:], len(chunk))
			if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
				return err
			}
		}
		for chunk := range slices.Chunk(ruids, deleteChunk) {
			if _, err := tx.ExecContext(ctx, "DELETE FROM location WHERE ruid IN ("+placeholders(len(chunk))+")", chunk...); err != nil {
				return err
			}
		}
		for chunk := range slices.Chunk(known, 2*knownChunk) {
			some := strings.TrimSuffix(strings.Repeat("ruid = ? AND last_modified <= ? OR ", len(chunk)/2), " OR ")
			if _, err := tx.ExecContext(ctx, "DELETE FROM location WHERE "+some, chunk...); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "write locations")
}

// lastOps are the bindings to write and the RUIDs to delete, each in one
// order, so that two writers do not wait for each other in a circle. In known each RUID
// has the time after which its row is spared behind it.
func lastOps(ops []LocationOp) (puts []*Binding, ruids, known []any, err error) {
	last := make(map[string]int, len(ops))
	for i := range ops {
		b := &ops[i].Binding
		if ops[i].Delete && !isRUID(b.RUID) {
			return nil, nil, nil, &FieldError{"ruid", "is not 1 to 64 ASCII characters without space"}
		}
		if !ops[i].Delete {
			if err := b.Check(); err != nil {
				return nil, nil, nil, err
			}
		}
		last[b.RUID] = i
	}
	for _, ruid := range slices.Sorted(maps.Keys(last)) {
		switch op := &ops[last[ruid]]; {
		case op.Delete && !op.Known.IsZero():
			known = append(known, ruid, stamp(op.Known))
		case op.Delete:
			ruids = append(ruids, ruid)
		default:
			puts = append(puts, &op.Binding)
		}
	}
	return puts, ruids, known, nil
}
