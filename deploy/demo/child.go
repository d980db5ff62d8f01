package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// endGrace is how long a program may take to end after SIGTERM before it is killed.
const endGrace = 10 * time.Second

// child is a program that the demo runs.
type child struct {
	name string
	log  string // path of what it wrote
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid when done is closed
}

// startChild starts a program of the folder bin, with its output in the file log.
func startChild(bin, name, log string, args ...string) (*child, error) {
	path, err := filepath.Abs(filepath.Join(bin, name))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: \"make build\" makes it, and -bin names the folder", err)
	}
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the child has its own
	c := &child{name: name, log: log, cmd: exec.Command(path, args...), done: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = f, f
	// A group of its own: Ctrl-C is for the demo, which ends its children in
	// order. Should the demo be killed, the kernel kills them.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := launch(c.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// launcher is one thread of the system that never ends. Linux sends Pdeathsig
// when the thread that forked ends, and the runtime ends threads as it likes.
var launcher = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func launch(cmd *exec.Cmd) error {
	done := make(chan error)
	launcher() <- func() { done <- cmd.Start() }
	return <-done
}

// end stops the program, by its own process id, and waits for it.
func (c *child) end() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end %s: %w", c.name, err)
	}
	t := time.NewTimer(endGrace)
	defer t.Stop()
	select {
	case <-c.done:
		return nil
	case <-t.C:
	}
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", c.name, err)
	}
	<-c.done
	return fmt.Errorf("%s (process %d) did not end within %v and was killed; its log is %s", c.name, c.cmd.Process.Pid, endGrace, c.log)
}

// fault tells how the program ended, and what it said last. It is for after done.
func (c *child) fault() error {
	how := "ended"
	if c.err != nil {
		how = "ended: " + c.err.Error()
	}
	return fmt.Errorf("%s %s. %s", c.name, how, c.lastWords())
}

// lastWords is the end of the program's log.
func (c *child) lastWords() string {
	const lines = 15
	raw, err := os.ReadFile(c.log)
	text := strings.TrimSpace(string(raw))
	if err != nil || text == "" {
		return fmt.Sprintf("It wrote nothing to %s.", c.log)
	}
	all := strings.Split(text, "\n")
	return fmt.Sprintf("The last lines of %s:\n  %s", c.log, strings.Join(all[max(0, len(all)-lines):], "\n  "))
}
