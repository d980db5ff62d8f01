package store

import (
	"context"
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

// EnabledWord is the state of an account in records.
func EnabledWord(disabled bool) string {
	if disabled {
		return "disabled"
	}
	return "enabled"
}

// Append writes one record. A time before 1970 or after 9998 counts as zero.
func (t *Audit) Append(ctx context.Context, r Record) error {
	if !storable(r.Time) {
		r.Time = t.db.present()
	}
	_, err := t.db.exec(ctx, "INSERT INTO audit (time, actor, source, action, object, state_before, state_after) VALUES ("+placeholders(7)+")",
		stamp(r.Time), cut(r.Actor, 128), cut(r.Source, 64), cut(r.Action, 64), cut(r.Object, 255), cut(r.Before, 4096), cut(r.After, 4096))
	return wrap(err, "audit")
}
