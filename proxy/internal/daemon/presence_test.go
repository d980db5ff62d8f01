package daemon

import (
	"context"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// town is a presence with four users: anne (everyone may see her), bea (signed-in
// users), carl (nobody) and dora, who is not on line. Anne is also called boss.
func town(t *testing.T) *presence {
	t.Helper()
	return &presence{
		local: func(host []byte) bool { return string(host) == testDomain },
		alias: func(dst, address []byte) ([]byte, bool) {
			if string(address) == "boss@"+testDomain {
				return append(dst, "anne@"+testDomain...), true
			}
			return dst, false
		},
		online: func(address string) bool { return address != "dora@"+testDomain },
		busy:   func(string) bool { return false },
		levels: func(_ context.Context, as []aor.AOR) (map[aor.AOR]store.Presence, error) {
			all := map[string]store.Presence{"anne": store.PresenceEveryone, "bea": store.PresenceSignedIn,
				"carl": store.PresenceNobody, "dora": store.PresenceEveryone}
			found := map[aor.AOR]store.Presence{}
			for _, a := range as {
				if level, ok := all[a.User]; ok {
					found[a] = level
				}
			}
			return found, nil
		},
	}
}

func address(user string) aor.AOR { return aor.AOR{User: user, Domain: testDomain} }

func TestPresence(t *testing.T) {
	asked := []aor.AOR{address("anne"), address("bea"), address("carl"), address("dora"), address("nobody"),
		address("boss"), {User: "x", Domain: "elsewhere.example"}}
	const on, off, hidden, foreign = ctlproto.StatusOnLine, ctlproto.StatusOffline, ctlproto.StatusUnknown, ctlproto.StatusNonLocal
	for _, c := range []struct {
		viewer aor.AOR
		want   []ctlproto.PresenceStatus
	}{
		{aor.AOR{}, []ctlproto.PresenceStatus{on, hidden, hidden, off, hidden, on, foreign}},
		{address("dora"), []ctlproto.PresenceStatus{on, on, hidden, off, hidden, on, foreign}},
		{address("carl"), []ctlproto.PresenceStatus{on, on, on, off, hidden, on, foreign}},
	} {
		got, err := town(t).Statuses(t.Context(), c.viewer, asked)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("seen by %q: %s", c.viewer, diff)
		}
	}
}

// TestPresenceOnThePhone: who has a call that is up is on the phone, for those who may see
// that, as long as a phone of theirs is registered.
func TestPresenceOnThePhone(t *testing.T) {
	p := town(t)
	p.busy = func(address string) bool { return address != "bea@"+testDomain }
	asked := []aor.AOR{address("anne"), address("boss"), address("bea"), address("carl"), address("dora"), address("nobody")}
	for viewer, want := range map[string][]ctlproto.PresenceStatus{
		"dora": {ctlproto.StatusOnThePhone, ctlproto.StatusOnThePhone, ctlproto.StatusOnLine, ctlproto.StatusUnknown, ctlproto.StatusOffline, ctlproto.StatusUnknown},
		"carl": {ctlproto.StatusOnThePhone, ctlproto.StatusOnThePhone, ctlproto.StatusOnLine, ctlproto.StatusOnThePhone, ctlproto.StatusOffline, ctlproto.StatusUnknown},
	} {
		got, err := p.Statuses(t.Context(), address(viewer), asked)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("seen by %s: %v %s", viewer, err, diff)
		}
	}
}

// TestPresenceWithoutDatabase: while privacy is not known nobody is shown, and a
// proxy that has no database at all knows no privacy.
func TestPresenceWithoutDatabase(t *testing.T) {
	p := town(t)
	p.levels = func(context.Context, []aor.AOR) (map[aor.AOR]store.Presence, error) { return nil, driver.ErrBadConn }
	if got, err := p.Statuses(t.Context(), address("dora"), []aor.AOR{address("anne")}); ctlproto.CodeOf(err) != ctlproto.CodeUnavailable {
		t.Errorf("with the database away: %v, %v; want CodeUnavailable", got, err)
	}
	broken := errors.New("broken row")
	p.levels = func(context.Context, []aor.AOR) (map[aor.AOR]store.Presence, error) { return nil, store.ErrNotFound }
	if _, err := p.Statuses(t.Context(), address("dora"), []aor.AOR{address("anne")}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v: %v", broken, err)
	}
	p.levels = nil
	got, err := p.Statuses(t.Context(), aor.AOR{}, []aor.AOR{address("anne"), address("dora")})
	if diff := cmp.Diff([]ctlproto.PresenceStatus{ctlproto.StatusOnLine, ctlproto.StatusOffline}, got); err != nil || diff != "" {
		t.Errorf("without a database: %v %s", err, diff)
	}
}
