package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"seraph/proxy/internal/script"
)

// TestOpenFiles: there are no more connections than files to open, and the log says what to do.
func TestOpenFiles(t *testing.T) {
	for _, c := range []struct {
		name       string
		soft, hard uint64
		root       bool // the hard limit may be raised
		want, max  int  // open_files_limit and tcp_max_connections
		conns      int
		raised     string // what is set
		says       string // each text stands in the log
	}{
		{"enough", 65536, 65536, false, 0, 0, 16384, "", ""},
		{"no limit", unix.RLIM_INFINITY, unix.RLIM_INFINITY, false, 0, 1 << 20, 1 << 20, "", ""},
		{"the soft one is lower", 1024, 524288, false, 0, 0, 16384, "524288 524288", ""},
		{"too few", 4096, 4096, false, 0, 0, 4096 - 64 - 256 - 4, "", "open_files=4096 tcp_max_connections=16384 connections=3772 LimitNOFILE"},
		{"as many as the script wants", 4096, 4096, false, 0, 3000, 3000, "", ""},
		{"too few for the script", 1024, 1024, false, 0, 1000, 1024 - 64 - 64 - 4, "", "open_files=1024 tcp_max_connections=1000 connections=892"},
		{"hardly any", 60, 60, false, 0, 0, 30, "", "open_files=60 connections=30"},
		{"none", 0, 0, false, 0, 0, 1, "", "connections=1"},
		{"open_files_limit", 1024, 65536, false, 32768, 0, 16384, "32768 65536", ""},
		{"open_files_limit is less", 65536, 65536, false, 1024, 0, 16384, "", ""},
		{"open_files_limit beyond", 1024, 4096, false, 65536, 1000, 1000, "4096 4096", "open_files_limit=65536 open_files=4096 LimitNOFILE"},
		{"open_files_limit beyond, by root", 1024, 4096, true, 65536, 0, 16384, "65536 65536", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log strings.Builder
			raised := ""
			f := files{limit: unix.Rlimit{Cur: c.soft, Max: c.hard}, log: slog.New(slog.NewTextHandler(&log, nil)), set: func(l unix.Rlimit) error {
				if l.Max > c.hard && !c.root || l.Cur > l.Max {
					return errors.New("not permitted")
				}
				raised = fmt.Sprint(l.Cur, " ", l.Max)
				return nil
			}}
			g := &script.Globals{OpenFiles: c.want, Streams: script.Streams{MaxConns: c.max}, UDPWorkers: 2}
			if got := f.connections(g, 2); got != c.conns || raised != c.raised {
				t.Errorf("%d connections, limit set to %q; want %d, %q", got, raised, c.conns, c.raised)
			}
			if (c.says == "") != (log.Len() == 0) {
				t.Errorf("the log says %q", log.String())
			}
			for _, text := range strings.Fields(c.says) {
				if !strings.Contains(log.String(), text) {
					t.Errorf("no %s in %s", text, log.String())
				}
			}
		})
	}
}
