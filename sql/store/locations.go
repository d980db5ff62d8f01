package store

import (
	"context"
	"errors"
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
func (b *Binding) Check() error { return errors.ErrUnsupported }

// LocationOp is one change: the upsert of a binding, or the deletion of the
// row with Binding.RUID.
type LocationOp struct {
	Delete  bool
	Binding Binding // only RUID counts if Delete
}

// LoadAll calls fn for every row, expired ones too, until fn returns an error,
// which it hands back. It holds no transaction while fn runs.
func (t *Locations) LoadAll(ctx context.Context, fn func(Binding) error) error {
	return errors.ErrUnsupported
}

// ApplyBatch applies the changes in one transaction of few statements; of
// several changes of one RUID the last counts. Applying a batch again changes
// nothing. If it returns an error nothing of the batch was applied, except
// that after a lost connection it may have been: apply it again. If
// IsUnavailable(err) is false, at least one row was refused; split the batch.
func (t *Locations) ApplyBatch(ctx context.Context, ops []LocationOp) error {
	return errors.ErrUnsupported
}
