package daemon

import (
	"log/slog"

	"golang.org/x/sys/unix"

	"seraph/proxy/internal/script"
	"seraph/proxy/internal/transport"
)

// leastSpare is how many file descriptors are kept from the connections, for the database, the
// name servers, the control socket, the journal and the log; a sixteenth of all beside it.
const leastSpare = 64

// files are the limits on the files that the process may open.
type files struct {
	limit unix.Rlimit
	set   func(unix.Rlimit) error
	log   *slog.Logger
}

// connections is how many connections there may be: what the script says, as far as the process
// may open files. sockets is how many addresses are listened on.
func (d *Daemon) connections(sockets int) int {
	f := files{log: d.log, set: func(l unix.Rlimit) error { return unix.Setrlimit(unix.RLIMIT_NOFILE, &l) }}
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &f.limit); err != nil {
		d.log.Warn("the limit on open files cannot be read", "error", err)
		f.limit.Cur, f.limit.Max = unix.RLIM_INFINITY, unix.RLIM_INFINITY
	}
	return f.connections(d.program.Globals(), sockets)
}

// connections is Daemon.connections.
func (f *files) connections(g *script.Globals, sockets int) int {
	want := g.Streams.MaxConns
	if want == 0 {
		want = transport.DefaultMaxConns
	}
	open := f.raise(uint64(g.OpenFiles))
	if open < uint64(g.OpenFiles) {
		f.log.Warn("open_files_limit is more than the process may have", "open_files_limit", g.OpenFiles, "open_files", open,
			"note", "set LimitNOFILE of the service, or ulimit -Hn")
	}
	n := fitting(want, open, sockets*max(1, g.UDPWorkers))
	if n < want {
		f.log.Warn("the process may open fewer files than there may be connections: there will be fewer of these", "open_files", open,
			"tcp_max_connections", want, "connections", n, "note", "raise LimitNOFILE of the service, or ulimit -Hn, or set tcp_max_connections lower")
	}
	return n
}

// fitting is how many of the connections that are wanted a process may have that opens so many
// files, sockets for listening among them. Half of the files are for connections at least.
func fitting(want int, open uint64, sockets int) int {
	spare := leastSpare + open/16 + uint64(sockets)
	return max(1, int(min(uint64(want), open-min(spare, open/2))))
}

// raise is how many files the process may open once the soft limit is the hard one, and that want
// (SER's open_files_limit) if it is more and the process may raise it.
func (f *files) raise(want uint64) uint64 {
	for _, n := range []uint64{want, f.limit.Max} {
		if n > f.limit.Cur && f.set(unix.Rlimit{Cur: n, Max: max(n, f.limit.Max)}) == nil {
			return n
		}
	}
	return f.limit.Cur
}
