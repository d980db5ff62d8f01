package store

import (
	"context"
	"errors"
	"time"
)

// Audit is the table audit: who changed what. Rows are only ever added.
type Audit struct{ db *DB }

// Record is one change. Longer texts are cut to the lengths given.
type Record struct {
	Time   time.Time // zero: now
	Actor  string    // who, an address or the name of a system user; 128
	Source string    // from where, an IP address or "seraphctl"; 64
	Action string    // what, as "subscriber.create"; 64
	Object string    // on what, an address or a name; 255
	Before string    // the state before, without secrets; 4096
	After  string    // the state after, without secrets; 4096
}

// Append writes one record.
func (t *Audit) Append(ctx context.Context, r Record) error { return errors.ErrUnsupported }
