package store

import (
	"context"
	"database/sql"
)

// approvals is the condition of the sign-ups that wait for an operator of a
// domain; an empty domain means all.
func (t *Pending) approvals(domain string) (f filter) {
	f.and("kind = ? AND expires > ?", kindApproval, stamp(t.db.present()))
	if domain != "" {
		f.and("domain = ?", domain)
	}
	return f
}

// Approvals returns a page of the sign-ups that wait for an operator, the oldest
// first, and how many there are in all; an empty domain means all.
func (t *Pending) Approvals(ctx context.Context, domain string, limit, offset int) ([]SignUp, int, error) {
	list, total, err := listPage(ctx, t.db.read, scanSignUp, signUpColumns, " FROM pending", t.approvals(domain), " ORDER BY created, id", limit, offset)
	return list, total, wrap(err, "sign-ups")
}

// CountApprovals counts them.
func (t *Pending) CountApprovals(ctx context.Context, domain string) (int, error) {
	f := t.approvals(domain)
	n, err := one(ctx, t.db.read, scanInt, "SELECT COUNT(*) FROM pending"+f.where(), f.args...)
	return n, wrap(err, "sign-ups")
}

// FindApproval returns one sign-up that waits for an operator of the domain.
func (t *Pending) FindApproval(ctx context.Context, domain string, id int64) (SignUp, error) {
	f := t.approvals(domain)
	f.and("id = ?", id)
	s, err := one(ctx, t.db.read, scanSignUp, "SELECT "+signUpColumns+" FROM pending"+f.where(), f.args...)
	return s, wrap(err, "sign-up")
}

// Approve makes the account of a sign-up. ErrNotFound if there is none such in
// the domain, or no more; ErrExists if the name is taken, ErrMailKnown if the mail
// is: then the sign-up waits on, to be declined.
func (t *Pending) Approve(ctx context.Context, domain string, id int64) (s SignUp, err error) {
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		f := t.approvals(domain)
		f.and("id = ?", id)
		s, err = one(ctx, tx, scanSignUp, "SELECT "+signUpColumns+" FROM pending"+f.where()+forUpdate(t.db.target.dialect), f.args...)
		if err != nil {
			return err
		}
		if refused, err := t.collides(ctx, tx, s); err != nil || refused != nil {
			return orElse(err, refused)
		}
		if err := matched(tx.ExecContext(ctx, "DELETE FROM pending WHERE id = ?", s.ID)); err != nil {
			return err
		}
		return t.make(ctx, tx, s)
	})
	return s, wrap(err, "sign-up")
}

// Decline forgets a sign-up and returns what it was.
func (t *Pending) Decline(ctx context.Context, domain string, id int64) (SignUp, error) {
	s, err := t.FindApproval(ctx, domain, id)
	if err != nil {
		return s, err
	}
	err = must(t.db.exec(ctx, "DELETE FROM pending WHERE id = ? AND kind = ?", id, kindApproval))
	return s, wrap(err, "sign-up")
}
