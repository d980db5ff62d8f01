package proc

import (
	"os/exec"
	"runtime"
	"sync"
)

// launcher starts every child on one operating system thread that never ends.
// Linux sends Pdeathsig when the *thread* that forked dies, so a child started
// from an arbitrary goroutine could be killed while the test still needs it;
// started from here it dies exactly with the test binary, even when that is
// killed or panics on its time-out.
var launcher = sync.OnceValue(func() chan<- launch {
	requests := make(chan launch)
	go func() {
		runtime.LockOSThread()
		for r := range requests {
			r.done <- r.cmd.Start()
		}
	}()
	return requests
})

type launch struct {
	cmd  *exec.Cmd
	done chan error
}

func startOnLauncher(cmd *exec.Cmd) error {
	r := launch{cmd: cmd, done: make(chan error, 1)}
	launcher() <- r
	return <-r.done
}
