package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/sql/schema"
	"seraph/sql/store"
)

// newAcc is the row of a call that was answered n seconds after start.
func newAcc(n int) store.AccRow {
	return store.AccRow{
		Method: "INVITE", FromTag: "ft", ToTag: "tt", CallID: fmt.Sprintf("call-%d", n), Code: 200, Reason: "OK",
		Time: start.Add(time.Duration(n) * time.Second), SrcUser: "bob", SrcDomain: "example.org", SrcIP: "192.0.2.7",
		DstOUser: "ally", DstUser: "alice", DstDomain: "example.org",
	}
}

// accRow is a row as another tool reads it.
func accRow(t *testing.T, db base, table string) string {
	t.Helper()
	var c [13]string
	ok(t, db.raw.QueryRowContext(t.Context(), "SELECT method, from_tag, to_tag, callid, sip_code, sip_reason, time, src_user, src_domain, src_ip,"+
		" dst_ouser, dst_user, dst_domain FROM "+table).Scan(&c[0], &c[1], &c[2], &c[3], &c[4], &c[5], &c[6], &c[7], &c[8], &c[9], &c[10], &c[11], &c[12]))
	c[6] = strings.NewReplacer("T", " ", "Z", "").Replace(c[6]) // one driver parses it and writes RFC 3339
	return strings.Join(c[:], "|")
}

func TestAccounting(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(r *store.AccRow)
		want   string
	}{
		"plain": {func(r *store.AccRow) {}, "INVITE|ft|tt|call-1|200|OK|2026-03-01 12:00:01|bob|example.org|192.0.2.7|ally|alice|example.org"},
		"empty": {func(r *store.AccRow) { *r = store.AccRow{} }, "||||||2026-03-01 12:00:00||||||"},
		"hostile": {
			func(r *store.AccRow) {
				r.Method, r.Reason, r.SrcUser, r.Code = "INV\r\nITE\xff", hostile, "b\x00b", 1000
			},
			"INV\uFFFD\uFFFDITE\uFFFD|ft|tt|call-1||" + hostile + "|2026-03-01 12:00:01|b\uFFFDb|example.org|192.0.2.7|ally|alice|example.org",
		},
		"long": {
			func(r *store.AccRow) {
				x := strings.Repeat("ž", 300)
				r.Method, r.Reason, r.SrcUser, r.SrcDomain, r.SrcIP, r.DstOUser, r.DstUser, r.DstDomain = x, x, x, x, x, x, x, x
			},
			strings.Repeat("ž", 16) + "|ft|tt|call-1|200|" + strings.Repeat("ž", 128) + "|2026-03-01 12:00:01|" + strings.Repeat("ž", 64) + "|" + strings.Repeat("ž", 128) +
				"|" + strings.Repeat("ž", 64) + "|" + strings.Repeat("ž", 64) + "|" + strings.Repeat("ž", 64) + "|" + strings.Repeat("ž", 128),
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, db base) {
				row := newAcc(1)
				tc.change(&row)
				ok(t, db.Accounting.Write(t.Context(), []store.AccRow{row}, nil))
				if got := accRow(t, db, "acc"); got != tc.want {
					t.Errorf("acc has\n%s\nwant\n%s", got, tc.want)
				}
				if n := db.count(t, "SELECT COUNT(*) FROM missed_calls"); n != 0 {
					t.Errorf("%d missed calls", n)
				}
				ok(t, db.Accounting.Write(t.Context(), nil, []store.MissedRow{row}))
				if got := accRow(t, db, "missed_calls"); got != tc.want {
					t.Errorf("missed_calls has\n%s\nwant\n%s", got, tc.want)
				}
			})
		})
	}
}

// TestAccountingLongIdentifiers: the same long Call-ID is the same in every row, another one is another.
func TestAccountingLongIdentifiers(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		invite := newAcc(1)
		invite.CallID, invite.FromTag, invite.ToTag = strings.Repeat("x", 256), strings.Repeat("y", 129), strings.Repeat("z", 129)
		bye, other := invite, invite
		bye.Method = "BYE"
		other.CallID += "x"
		ok(t, db.Accounting.Write(t.Context(), []store.AccRow{invite, bye, other}, nil))
		if n := db.count(t, "SELECT COUNT(DISTINCT callid) FROM acc"); n != 2 {
			t.Errorf("%d different Call-IDs, want 2", n)
		}
		length := map[schema.Dialect]string{schema.MySQL: "CHAR_LENGTH", schema.SQLite: "LENGTH"}[db.Dialect()]
		if n := db.count(t, fmt.Sprintf("SELECT COUNT(*) FROM acc WHERE %[1]s(callid) = 255 AND %[1]s(from_tag) = 128 AND %[1]s(to_tag) = 128", length)); n != 3 {
			t.Errorf("%d rows fill the columns, want 3", n)
		}
	})
}

// TestAccountingMany: more rows than one statement takes, each once.
func TestAccountingMany(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		var rows []store.AccRow
		for i := range 450 {
			rows = append(rows, newAcc(i))
		}
		ok(t, db.Accounting.Write(t.Context(), rows, rows[:201]))
		if acc, missed := db.count(t, "SELECT COUNT(DISTINCT callid) FROM acc"), db.count(t, "SELECT COUNT(DISTINCT callid) FROM missed_calls"); acc != 450 || missed != 201 {
			t.Errorf("%d and %d rows, want 450 and 201", acc, missed)
		}
		ok(t, db.Accounting.Write(t.Context(), nil, nil))
	})
}

// TestAccountingAgain: a batch that may have been written is completed and not doubled.
func TestAccountingAgain(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		var rows []store.AccRow
		for i := range 250 {
			rows = append(rows, newAcc(i))
		}
		ok(t, db.Accounting.Write(t.Context(), rows[:230], rows[:10]))
		for i, change := range []func(r *store.AccRow){
			func(r *store.AccRow) { r.Method = "BYE" }, func(r *store.AccRow) { r.FromTag = "x" }, func(r *store.AccRow) { r.ToTag = "x" },
			func(r *store.AccRow) { r.Code = 202 }, func(r *store.AccRow) { r.Time = r.Time.Add(time.Second) }, func(r *store.AccRow) { r.CallID = "x" },
			// A call that another router has sent back, or that several have missed.
			func(r *store.AccRow) { r.DstUser = "dora" }, func(r *store.AccRow) { r.DstDomain = "example.net" }, func(r *store.AccRow) { r.DstOUser = "100" },
			func(r *store.AccRow) { r.SrcIP = "192.0.2.8" }, func(r *store.AccRow) { r.SrcUser = "x" }, func(r *store.AccRow) { r.SrcDomain = "x.example" },
		} {
			other := newAcc(i)
			change(&other)
			rows = append(rows, other)
		}
		rows[3].Reason, rows[4].Time = "Fine", rows[4].Time.Add(time.Millisecond) // the same row nevertheless
		for range 2 {
			ok(t, db.Accounting.WriteAgain(t.Context(), rows, rows))
		}
		for _, table := range []string{"acc", "missed_calls"} {
			if n := db.count(t, "SELECT COUNT(*) FROM "+table); n != 262 {
				t.Errorf("%s has %d rows, want 262", table, n)
			}
		}
		if got := db.count(t, "SELECT COUNT(*) FROM acc WHERE sip_reason = 'Fine'"); got != 0 {
			t.Errorf("%d rows were changed", got)
		}
	})
}

// TestAccountingTogether: both tables or none.
func TestAccountingTogether(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.exec(t, "DROP TABLE missed_calls")
		err := db.Accounting.Write(t.Context(), []store.AccRow{newAcc(1)}, []store.MissedRow{newAcc(1)})
		if !store.IsUnavailable(err) || !strings.Contains(err.Error(), "write accounts") {
			t.Errorf("without a table: %v", err)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM acc"); n != 0 {
			t.Errorf("acc was written alone: %d rows", n)
		}
	})
}
