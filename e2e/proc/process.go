// Package proc starts, watches, measures and ends the processes of the tests:
// each by its own process id, each with a deadline, each with its output kept.
package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopGrace is how long a process may take to end after SIGTERM before it is killed.
const stopGrace = 10 * time.Second

// Command says what to start.
type Command struct {
	Name  string   // for messages and for the log file's name
	Path  string   // program, looked up in PATH when it has no slash
	Args  []string // without the program itself
	Env   []string // added to the environment
	Dir   string   // working folder; logs go there as NAME.log when LogDir is empty
	Stdin io.Reader
	// LogDir is the folder of NAME.log, the complete output; "" keeps it in memory only.
	LogDir string
}

// Process is one started process.
type Process struct {
	Name string
	Log  *Log // standard output and standard error, in the order written

	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid when done is closed
	file *os.File
}

// Start starts the command. The process is killed when the test binary dies.
func Start(c Command) (*Process, error) {
	p := &Process{Name: c.Name, done: make(chan struct{})}
	if c.LogDir != "" {
		f, err := os.OpenFile(filepath.Join(c.LogDir, c.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, fmt.Errorf("log of %s: %w", c.Name, err)
		}
		p.file = f
		p.Log = NewLog(f)
	} else {
		p.Log = NewLog(nil)
	}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.Stdin = c.Dir, c.Stdin
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdout, cmd.Stderr = p.Log, p.Log
	cmd.WaitDelay = 2 * time.Second // a grandchild may hold the pipe open
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	p.cmd = cmd
	if err := startOnLauncher(cmd); err != nil {
		p.closeFile()
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	go p.reap()
	return p, nil
}

func (p *Process) reap() {
	err := p.cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	p.err = err
	p.closeFile()
	close(p.done)
}

func (p *Process) closeFile() {
	if p.file != nil {
		_ = p.file.Close()
	}
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Wait waits for the end of the process. The error is that of the process itself
// (exec.ExitError for a status other than 0) or says that it did not end in time.
func (p *Process) Wait(within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
		return fmt.Errorf("%s (pid %d) still runs after %v", p.Name, p.PID(), within)
	}
}

// ExitCode is the exit status, or -1 while the process runs or if a signal ended it.
func (p *Process) ExitCode() int {
	if p.Running() {
		return -1
	}
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends a signal to this process alone.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %v to %s: %w", s, p.Name, err)
	}
	return nil
}

// Stop ends the process: SIGTERM, and after ten seconds SIGKILL to it and the
// children it left in its process group. It returns an error if SIGKILL was needed.
func (p *Process) Stop() error {
	if !p.Running() {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // a frozen one would never see it
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("%s (pid %d) did not end within %v of SIGTERM and was killed", p.Name, p.PID(), stopGrace)
	}
}

// Kill ends the process and its group at once, without warning, and waits for it.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.done
}
