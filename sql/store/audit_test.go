package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/store"
)

func TestAudit(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		long := strings.Repeat("ž", 5000)
		ok(t, db.Audit.Append(t.Context(), store.Record{Actor: "root", Source: "seraphctl", Action: "subscriber.create",
			Object: "alice@example.org", After: "{\"x\":\"'\\\n\"}\xff"}))
		ok(t, db.Audit.Append(t.Context(), store.Record{Time: start.Add(time.Hour), Actor: long, Source: long, Action: long, Object: long, Before: long, After: long}))
		rows, err := db.raw.Query("SELECT actor, source, action, object, state_before, state_after FROM audit ORDER BY time")
		ok(t, err)
		defer rows.Close()
		var got [][6]string
		for rows.Next() {
			var r [6]string
			ok(t, rows.Scan(&r[0], &r[1], &r[2], &r[3], &r[4], &r[5]))
			got = append(got, r)
		}
		ok(t, rows.Err())
		z := func(n int) string { return strings.Repeat("ž", n) }
		want := [][6]string{{"root", "seraphctl", "subscriber.create", "alice@example.org", "", "{\"x\":\"'\\\n\"}\uFFFD"},
			{z(128), z(64), z(64), z(255), z(4096), z(4096)}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM audit WHERE time IN ('2026-03-01 12:00:00', '2026-03-01 13:00:00')"); n != 2 {
			t.Errorf("%d rows have the time they should", n)
		}
	})
}
