package daemon

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"seraph/proxy/internal/script"
	"seraph/proxy/internal/txn"
)

const (
	// memoryShare is the part of the process's memory, one in so many, that transactions and
	// dialogs may hold where nobody says how much: the free lists, the contacts, what is
	// cached and the collector need the rest.
	memoryShare = 3
	// leastMemory and mostMemory bound that part, in bytes. A call holds 8 KB for 32 s.
	leastMemory = 16 << 20
	mostMemory  = 4 << 30
)

// memory is what transactions and dialogs may hold: the command line's word, the script's,
// or a part of what the process may have.
func (d *Daemon) memory() txn.Memory {
	m := txn.Memory{Max: d.cfg.Memory, Others: d.modules.Dialog.Held}
	if m.Max == 0 {
		m.Max = d.program.Globals().Memory
	}
	if m.Max == 0 {
		m.Max = min(max(available()/memoryShare, leastMemory), mostMemory)
	}
	return m
}

// memoryStatistics yields what is held of how much, and how many requests found no room.
func (d *Daemon) memoryStatistics(yield func(group, name string, value int64)) {
	t := d.engine.Table()
	yield("tm", "memory_used", t.Held())
	yield("tm", "memory_size", t.Config().Memory.Max)
	yield("tm", "memory_refused", int64(t.Refused()))
}

// available is what the process may use, in bytes: what the machine gives it, or the soft
// limit of the Go runtime where the operator has set a lower one. The limit that the program
// sets itself is for the collector, and a part of the former.
func available() int64 {
	n := MachineMemory()
	if !LimitedMemory() {
		return n
	}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 && (n == 0 || limit < n) {
		n = limit
	}
	return n
}

// LimitedMemory reports whether the operator has set the Go runtime's soft limit (GOMEMLIMIT).
func LimitedMemory() bool { return os.Getenv("GOMEMLIMIT") != "" }

// MachineMemory is what the machine gives the process, in bytes: the least of its memory,
// the limits of the process's control groups, and what is left of its address space, of
// which the Go runtime reserves a gigabyte and more that it may never use; 0 if none of them
// can be read.
func MachineMemory() int64 {
	least := memTotal(readText("/proc/meminfo"))
	take := func(n int64) {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	for _, path := range limitFiles(readText("/proc/self/cgroup")) {
		take(limitOf(readText(path)))
	}
	var address unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &address) == nil && address.Cur < script.MostMemory {
		take(max(int64(address.Cur)-reserved(readText("/proc/self/statm")), leastMemory))
	}
	return least
}

// readText reads a file of the kernel's; empty if it cannot be read.
func readText(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}

// reserved reads, of a /proc/PID/statm, how much of the address space is taken by what is not
// in memory, in bytes.
func reserved(text string) int64 {
	f := strings.Fields(text)
	if len(f) < 2 {
		return 0
	}
	size, err := strconv.ParseInt(f[0], 10, 64)
	resident, err2 := strconv.ParseInt(f[1], 10, 64)
	if err != nil || err2 != nil || resident < 0 || size < resident || size > script.MostMemory {
		return 0
	}
	return (size - resident) * int64(os.Getpagesize())
}

// memTotal reads MemTotal of /proc/meminfo, in bytes.
func memTotal(text string) int64 {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == "MemTotal:" && f[2] == "kB" {
			if n, err := strconv.ParseInt(f[1], 10, 64); err == nil && n < math.MaxInt64>>10 {
				return n << 10
			}
		}
	}
	return 0
}

// limitFiles are the files that hold the memory limits of the control groups in a
// /proc/self/cgroup, of version 2 and 1: of the group and of all above it. A container sees
// its own group at the top.
func limitFiles(text string) (files []string) {
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		root, name := "/sys/fs/cgroup", "memory.max"
		switch {
		case f[1] == "memory":
			root, name = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case f[0] != "0" || f[1] != "":
			continue
		}
		for at := strings.TrimSuffix(f[2], "/"); ; {
			files = append(files, root+at+"/"+name)
			i := strings.LastIndexByte(at, '/')
			if i < 0 {
				break
			}
			at = at[:i]
		}
	}
	return files
}

// limitOf reads a limit of a control group; 0 for none.
func limitOf(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n >= script.MostMemory {
		return 0
	}
	return n
}
