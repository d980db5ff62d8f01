package ctd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
)

// TestListHidesNone: whatever a caller has dialled and cancelled since, the attempts that have not ended come
// first, so that who ends them all finds them.
func TestListHidesNone(t *testing.T) {
	m := New(Config{})
	began := time.Now()
	enter := func(id, caller string, after int, ended bool) {
		a := &attempt{m: m, id: id, callerText: caller, started: began.Add(time.Duration(after) * time.Second)}
		a.status = ctlproto.CtdStatus{ID: id, Caller: caller, Ended: ended}
		a.decided.Store(ended)
		m.attempts[id] = a
	}
	enter("rings", "alice@example.org", 0, false)
	enter("rings too", "alice@example.org", 1, false)
	enter("bob's", "bob@example.org", 2, false)
	for i := range ctlproto.MaxCtdList {
		enter(fmt.Sprintf("ended %d", i), "alice@example.org", 3+i, true)
	}
	for _, c := range []struct {
		caller      string
		limit, want int
		first       string
	}{
		{"alice@example.org", ctlproto.MaxCtdList, ctlproto.MaxCtdList, "rings too,rings,ended 999,ended 998"},
		{"", 4, 4, "bob's,rings too,rings,ended 999"},
		{"alice@example.org", 1, 1, "rings too"},
		{"bob@example.org", 10, 1, "bob's"},
		{"zoe@example.org", 10, 0, ""},
	} {
		list := m.List(c.caller, c.limit)
		var ids []string
		for _, s := range list[:min(4, len(list))] {
			ids = append(ids, s.ID)
		}
		if got := strings.Join(ids, ","); got != c.first || len(list) != c.want || list == nil {
			t.Errorf("%s, %d: %d of %q, want %d of %q", c.caller, c.limit, len(list), got, c.want, c.first)
		}
	}
}
