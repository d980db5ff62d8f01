package store

import (
	"context"
	"database/sql"
	"strings"

	"seraph/sql/aor"
)

// SetLanguage changes nothing of a profile but the language, a BCP 47 tag of at
// most 16 characters, or ""; space around it is dropped. It fails with ErrNotFound if there is no such
// subscriber and with a *FieldError if that is no tag.
func (t *Profiles) SetLanguage(ctx context.Context, a aor.AOR, tag string) error {
	tag = strings.TrimSpace(tag)
	if err := (Profile{Language: tag}).Check(); err != nil {
		return err
	}
	columns := []string{"username", "domain", "language", "modified", "search", "created"}
	statement := upsert(t.db.target.dialect, "profile", columns, columns[:2], columns[2:4], 1)
	now := stamp(t.db.present())
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, a); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, statement, a.User, a.Domain, tag, now, fold(a.User), now)
		return err
	})
	return wrap(err, "language of "+a.String())
}
