package daemon

import (
	"os"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMachineMemory: what the kernel says of memory is read right, and a part of the least
// of it is what calls may hold.
func TestMachineMemory(t *testing.T) {
	for text, want := range map[string]int64{
		"MemFree: 5 kB\nMemTotal:       24684084 kB\n": 24684084 << 10,
		"": 0, "MemTotal: x kB\n": 0, "MemTotal: 9223372036854775807 kB\n": 0, "MemTotal: 5\n": 0,
	} {
		if n := memTotal(text); n != want {
			t.Errorf("memTotal(%q) is %d", text, n)
		}
	}
	for text, want := range map[string]int64{
		"536870912\n": 512 << 20, "max\n": 0, "": 0, "9223372036854771712\n": 0, "-1\n": -1,
	} {
		if n := limitOf(text); n != want {
			t.Errorf("limitOf(%q) is %d", text, n)
		}
	}
	for text, want := range map[string][]string{
		"0::/\n": {"/sys/fs/cgroup/memory.max"},
		"0::/system.slice/seraph.service\n": {"/sys/fs/cgroup/system.slice/seraph.service/memory.max",
			"/sys/fs/cgroup/system.slice/memory.max", "/sys/fs/cgroup/memory.max"},
		"4:memory:/docker/x\n1:cpu:/y\n0::/\n": {"/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes",
			"/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"},
		"nonsense\n": nil,
	} {
		if diff := cmp.Diff(want, limitFiles(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	page := int64(os.Getpagesize())
	for text, want := range map[string]int64{"335964 4984 3000 5 0 6 0\n": (335964 - 4984) * page, "": 0, "5": 0, "5 9": 0, "x y": 0, "9223372036854775807 1": 0} {
		if n := reserved(text); n != want {
			t.Errorf("reserved(%q) is %d", text, n)
		}
	}
	if n := MachineMemory(); n < 1<<20 {
		t.Errorf("this machine has %d bytes", n)
	}
}

// TestAvailableMemory: the limit of the Go runtime counts where the operator has set it; the
// one that the program sets for the collector is no part of what a third is taken of.
func TestAvailableMemory(t *testing.T) {
	old := debug.SetMemoryLimit(300 << 20)
	defer debug.SetMemoryLimit(old)
	t.Setenv("GOMEMLIMIT", "")
	if n := available(); n <= 300<<20 {
		t.Errorf("with a limit of the program's own, %d bytes are available", n)
	}
	t.Setenv("GOMEMLIMIT", "300MiB")
	if n := available(); n != 300<<20 {
		t.Errorf("with GOMEMLIMIT=300MiB, %d bytes are available", n)
	}
}

// TestMemorySettings: the command line goes before the script, and the script before what
// the machine gives; the statistics tell.
func TestMemorySettings(t *testing.T) {
	r := newRig(t, 0, "shm_mem_size=48\n")
	if m := r.d.engine.Table().Config().Memory.Max; m != 48<<20 {
		t.Errorf("the script's 48 MB are %d bytes", m)
	}
	seen := map[string]int64{}
	r.d.statistics(func(group, name string, value int64) { seen[group+":"+name] = value })
	if seen["tm:memory_size"] != 48<<20 || seen["tm:memory_used"] < 0 || seen["tm:memory_refused"] != 0 {
		t.Errorf("%v", seen)
	}
	r.d.cfg.Memory = 5 << 20
	if m := r.d.memory().Max; m != 5<<20 {
		t.Errorf("the command line's 5 MB are %d bytes", m)
	}
	r.d.cfg.Memory = 0
	r.d.program.Globals().Memory = 0
	if m := r.d.memory().Max; m < leastMemory || m > mostMemory {
		t.Errorf("by default, %d bytes", m)
	}
}
