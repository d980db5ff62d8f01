package store

import (
	"context"
	"database/sql"

	"seraph/sql/aor"
)

// belongings erase what a subscriber has beside the row in subscriber and the
// bindings. Each statement takes username and domain.
var belongings = []string{
	"DELETE FROM credential_sha256 WHERE username = ? AND domain = ?",
	"DELETE FROM profile WHERE username = ? AND domain = ?",
	"DELETE FROM session WHERE username = ? AND domain = ?",
	"DELETE FROM admin_privilege WHERE username = ? AND domain = ?",
	"DELETE FROM grp WHERE username = ? AND domain = ?",
	"DELETE FROM dbaliases WHERE username = ? AND domain = ?",
	"DELETE FROM phonebook WHERE username = ? AND domain = ?",
	"DELETE FROM phonebook_trash WHERE username = ? AND domain = ?",
	"DELETE FROM white_page WHERE username = ? AND domain = ?",
	"DELETE FROM dial_history WHERE username = ? AND domain = ?",
	"DELETE FROM speed_dial WHERE username = ? AND domain = ?",
	"DELETE FROM call_rule WHERE username = ? AND domain = ?",
	"DELETE FROM public_page WHERE username = ? AND domain = ?",
	"DELETE FROM call_me WHERE username = ? AND domain = ?",
	"DELETE FROM unconfirmed_mail WHERE username = ? AND domain = ?",
	"DELETE FROM missed_mail WHERE username = ? AND domain = ?",
	// Sign-ups are other people's, who are told that the name is taken.
	"DELETE FROM pending WHERE username = ? AND domain = ? AND kind NOT IN ('" + kindSignUp + "', '" + kindApproval + "')",
	"DELETE FROM silo_state WHERE silo_id IN (SELECT id FROM silo WHERE username = ? AND domain = ?)",
	"DELETE FROM silo_foreign WHERE silo_id IN (SELECT id FROM silo WHERE username = ? AND domain = ?)",
	"DELETE FROM silo WHERE username = ? AND domain = ?",
	// A call is the other side's as well, unless that is nobody here or has let it go.
	"DELETE FROM call_log WHERE caller_username = ? AND caller_domain = ? AND (callee_deleted = 1 OR NOT EXISTS" +
		" (SELECT 1 FROM subscriber s WHERE s.username = call_log.callee_username AND s.domain = call_log.callee_domain))",
	"DELETE FROM call_log WHERE callee_username = ? AND callee_domain = ? AND (caller_deleted <> 0 OR NOT EXISTS" +
		" (SELECT 1 FROM subscriber s WHERE s.username = call_log.caller_username AND s.domain = call_log.caller_domain))",
	"UPDATE call_log SET caller_deleted = 1 WHERE caller_username = ? AND caller_domain = ? AND caller_deleted = 0",
	"UPDATE call_log SET callee_deleted = 1 WHERE callee_username = ? AND callee_domain = ?",
}

// erase removes the belongings of an account.
func erase(ctx context.Context, tx *sql.Tx, a aor.AOR) error {
	for _, statement := range belongings {
		if _, err := tx.ExecContext(ctx, statement, a.User, a.Domain); err != nil {
			return err
		}
	}
	return nil
}

// lockSubscriber keeps the account from being deleted, and others out that
// lock it, until the transaction ends. ErrNotFound if there is no such account.
func (db *DB) lockSubscriber(ctx context.Context, tx *sql.Tx, a aor.AOR) error {
	_, err := one(ctx, tx, scanInt,
		"SELECT id FROM subscriber WHERE username = ? AND domain = ?"+forUpdate(db.target.dialect), a.User, a.Domain)
	return err
}

// isAlias reports whether an address is an alias, and keeps it so.
func (db *DB) isAlias(ctx context.Context, tx *sql.Tx, a aor.AOR) (bool, error) {
	n, err := one(ctx, tx, scanInt,
		"SELECT COUNT(*) FROM dbaliases WHERE alias_username = ? AND alias_domain = ?"+forUpdate(db.target.dialect), a.User, a.Domain)
	return n > 0, err
}
