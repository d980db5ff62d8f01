package acc_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/journal"
	"seraph/proxy/internal/modules/acc"
)

// keeping is a bench whose module keeps rows in a folder.
func keeping(t *testing.T, folder string, x *tables) *bench {
	t.Helper()
	b := &bench{t: t, tables: x}
	b.m = acc.New(acc.Config{
		Log:        slog.New(slog.NewTextHandler(&b.log, nil)),
		Accounting: x, Calls: x, Subscribers: x.subscribers, Journal: folder,
	})
	b.start(refusing(480))
	return b
}

// end ends the module as a daemon with a database that is away.
func (b *bench) end(t *testing.T, stop func()) {
	t.Helper()
	stop()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := b.m.Close(ctx); err != nil || b.statistic("lost") != 0 {
		t.Errorf("Close: %v, %d lost", err, b.statistic("lost"))
	}
}

// TestKeptForNextStart: rows that the database does not take at the end are on the disk, and
// get into it after the next start whose database works: once, and before those of that start.
func TestKeptForNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, x := filepath.Join(t.TempDir(), "accounts"), &tables{away: true}
		want := 0
		for range 3 { // the database is away at each of them
			b := keeping(t, folder, x)
			b.n = want
			stop := b.run()
			for range 4 {
				b.call(bob)
				want++
			}
			time.Sleep(soon)
			b.end(t, stop)
		}
		x.set(func(x *tables) { x.away = false })
		b := keeping(t, folder, x)
		stop := b.run()
		time.Sleep(time.Minute)
		if len(b.seen().missed) != want || len(b.seen().calls) != want || b.seen().again == 0 {
			t.Fatalf("%d rows and %d calls, want %d; WriteAgain was used %d times", len(b.seen().missed), len(b.seen().calls), want, b.seen().again)
		}
		for i, r := range b.seen().calls {
			if i > 0 && r.Started.Before(b.seen().calls[i-1].Started) {
				t.Errorf("call %d is older than the one before", i)
			}
		}
		list, err := os.ReadDir(folder)
		if err != nil || len(list) != 0 {
			t.Errorf("%v, %v are left", list, err)
		}
		b.end(t, stop)
		again := keeping(t, folder, x)
		stop = again.run()
		time.Sleep(time.Minute)
		again.end(t, stop)
		if len(again.seen().missed) != want {
			t.Errorf("after another start there are %d rows, want %d", len(again.seen().missed), want)
		}
	})
}

// TestOddKeptRows: what is no row in the journal costs no other one, and is counted.
func TestOddKeptRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, x := filepath.Join(t.TempDir(), "accounts"), &tables{away: true}
		b := keeping(t, folder, x)
		stop := b.run()
		b.call(bob)
		b.end(t, stop)
		j, err := journal.Open(folder, 0)
		if err != nil {
			t.Fatal(err)
		}
		var good []byte
		if _, err := j.Replay(func(_ uint64, payload []byte) error { good = payload; return nil }); err != nil || good == nil {
			t.Fatal("nothing is kept:", err)
		}
		odd := [][]byte{{}, {1}, {1, 2, 3}, append([]byte{9}, good[1:]...), good[:len(good)-1], append(good[:len(good):len(good)], 0)}
		if _, err := j.Append(odd); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		x.set(func(x *tables) { x.away = false })
		again := keeping(t, folder, x)
		stop = again.run()
		time.Sleep(time.Minute)
		stop()
		if len(again.seen().missed) != 1 || again.statistic("lost") != int64(len(odd)) {
			t.Errorf("%d rows, %d lost of %d", len(again.seen().missed), again.statistic("lost"), len(odd))
		}
	})
}

// TestNotKept: where the folder cannot be written, the rows are lost, and that is said.
func TestNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "accounts")
		if err := os.WriteFile(folder, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		b := keeping(t, folder, &tables{away: true})
		stop := b.run()
		b.call(bob)
		stop()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := b.m.Close(ctx); err == nil || b.statistic("lost") != 1 || !strings.Contains(b.log.String(), "rows cannot be kept") {
			t.Errorf("Close: %v, %d lost; %s", err, b.statistic("lost"), b.log.String())
		}
	})
}
