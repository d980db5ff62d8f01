package auth_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/modules/auth"
)

// TestRefusalsAreTold: who guesses a password stands in the log, with the call and the name that was
// tried, some times a minute; a right password and a challenge do not.
func TestRefusalsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		b := newBench(t)
		b.m = auth.New(auth.Config{Credentials: b.table, LocalDomain: func([]byte) bool { return true }, Log: slog.New(slog.NewTextHandler(&text, nil))})
		if err := b.m.Init(); err != nil {
			t.Fatal(err)
		}
		lines := func() (list []string) {
			for line := range strings.Lines(text.String()) {
				list = append(list, line)
			}
			text.Reset()
			return list
		}
		nonce, n := b.nonce(), 0
		guess := func(a answer) {
			n++
			a.nonce, a.nc = nonce, n
			b.try(fmt.Sprint("guess", n), a)
		}
		guess(answer{})
		if got := lines(); len(got) > 0 {
			t.Errorf("a right password is told: %q", got)
		}
		for range 8 {
			guess(answer{password: "guessed-word"})
		}
		got := lines()
		if len(got) != 5 {
			t.Fatalf("8 refusals are told by %d lines, want 5: %q", len(got), got)
		}
		for _, line := range got {
			for _, want := range []string{`msg="credentials refused"`, "user=alice", "source=192.0.2.7:5060", "call_id=", "method=OPTIONS"} {
				if !strings.Contains(line, want) {
					t.Errorf("no %s in %s", want, line)
				}
			}
			if strings.Contains(line, "guessed-word") || strings.Contains(line, nonce) {
				t.Errorf("a secret in %s", line)
			}
		}
		time.Sleep(time.Minute)
		guess(answer{user: "al\u0000ice\" level=ERROR " + strings.Repeat("x", 500), password: "x"})
		if got := lines(); len(got) != 1 || strings.ContainsRune(got[0], 0) || len(got[0]) > 500 {
			t.Errorf("a strange name, a minute later: %q", got)
		}
	})
}
