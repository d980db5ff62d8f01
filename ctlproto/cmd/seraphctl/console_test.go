package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal; what is written to the keyboard is typed, and
// what the program shows can be read there.
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return keyboard, terminal
}

// echoes reports whether the terminal shows what is typed.
func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return s.Lflag&unix.ECHO != 0
}

// prompt waits until the console has asked, and the echo is off.
func prompt(t *testing.T, keyboard, terminal *os.File, text string) {
	t.Helper()
	var shown string
	for !strings.HasSuffix(shown, text) {
		buf := make([]byte, 256)
		n, err := keyboard.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		shown += string(buf[:n])
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(10 * time.Second)
	for echoes(t, terminal) {
		if <-tick.C; time.Now().After(deadline) {
			t.Fatal("the terminal still shows what is typed")
		}
	}
}

func TestConsoleHidesWhatIsTyped(t *testing.T) {
	keyboard, terminal := openTerminal(t)
	c := terminalOf(terminal, terminal)
	if c == nil {
		t.Fatal("a terminal was not recognised")
	}
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := c.Ask(t.Context(), "Password: ")
		got <- answer{text, err}
	}()
	prompt(t, keyboard, terminal, "Password: ")
	if _, err := keyboard.WriteString("ge heim\n"); err != nil {
		t.Fatal(err)
	}
	if a := <-got; a.text != "ge heim" || a.err != nil {
		t.Errorf("typed %q, %v", a.text, a.err)
	}
	if !echoes(t, terminal) {
		t.Error("the terminal stays blind")
	}
}

// TestConsoleCtrlD: at either question it ends the command as misuse, and says
// that nothing happened.
func TestConsoleCtrlD(t *testing.T) {
	for _, typed := range []string{"\x04", "new password\n\x04"} {
		t.Run(strconv.Quote(typed), func(t *testing.T) {
			keyboard, terminal := openTerminal(t)
			d := newDesk(t)
			d.stdin = "old password\n"
			d.must("add", "alice", "--password-file", "-")
			d.typist = terminalOf(terminal, terminal)
			refused := make(chan struct{})
			go func() {
				defer close(refused)
				d.refuses(exitUsage, []string{"passwd", "alice"}, "no password was typed; nothing was changed")
			}()
			prompt(t, keyboard, terminal, "alice@example.org: ")
			first, second, again := strings.Cut(typed, "\n")
			if again {
				first += "\n"
			}
			if _, err := keyboard.WriteString(first); err != nil {
				t.Fatal(err)
			}
			if again {
				prompt(t, keyboard, terminal, "again: ")
				if _, err := keyboard.WriteString(second); err != nil {
					t.Fatal(err)
				}
			}
			<-refused
			if !echoes(t, terminal) {
				t.Error("the terminal stays blind")
			}
		})
	}
}

func TestConsoleInterrupted(t *testing.T) {
	keyboard, terminal := openTerminal(t)
	ctx, interrupt := context.WithCancel(t.Context())
	got := make(chan error, 1)
	go func() {
		_, err := terminalOf(terminal, terminal).Ask(ctx, "Password: ")
		got <- err
	}()
	prompt(t, keyboard, terminal, "Password: ")
	interrupt()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if !echoes(t, terminal) {
		t.Error("the terminal stays blind after Ctrl-C")
	}
}

func TestNoTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if terminalOf(r, os.Stderr) != nil {
		t.Error("a pipe was taken for a terminal")
	}
}
