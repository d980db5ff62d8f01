package daemon

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBrokenDatabase: a database file that no waiting mends ends the start at once, and the
// error says what to do.
func TestBrokenDatabase(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"no database": func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"cut off": func(t *testing.T, path string) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, info.Size()/2); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			addUsers(t, "sqlite://"+filepath.Join(dir, "seraph.db"), "alice")
			damage(t, filepath.Join(dir, "seraph.db"))
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second) // less than databaseWait
			defer cancel()
			d, err := Start(ctx, Config{State: dir, Control: filepath.Join(dir, "ctl"), Listen: []string{"udp:127.0.0.1:0"}, Log: slog.New(slog.DiscardHandler)})
			if err == nil {
				_ = d.Close()
				t.Fatal("it starts")
			}
			if ctx.Err() != nil || !strings.Contains(err.Error(), "the database's file is damaged") {
				t.Errorf("it ended with: %v", err)
			}
		})
	}
}
