package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// reader is who reads the log: he can freeze and go.
type reader struct {
	mu   sync.Mutex // held: he is frozen
	gone bool
	got  bytes.Buffer
}

func (r *reader) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return 0, errors.New("broken pipe")
	}
	return r.got.Write(p)
}

func (r *reader) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got.String()
}

// TestLogWriter: lines arrive whole and in order, and at the end all of them.
func TestLogWriter(t *testing.T) {
	r := &reader{}
	w := newLogWriter(r)
	var want strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	w.close()
	if r.text() != want.String() || w.Lost() != 0 {
		t.Errorf("%d of %d bytes came, %d lines are lost", len(r.text()), want.Len(), w.Lost())
	}
}

// TestFrozenReader: nobody waits for a reader who is frozen, memory is bounded, and what
// is lost is counted and told as soon as he reads again. The end does not wait for him.
func TestFrozenReader(t *testing.T) {
	r := &reader{}
	w := newLogWriter(r)
	r.mu.Lock()
	line := []byte(strings.Repeat("x", 1023) + "\n")
	const lines = 4096
	for range lines {
		_, _ = w.Write(line)
	}
	w.mu.Lock()
	waiting := len(w.waiting)
	w.mu.Unlock()
	if waiting > mostLog {
		t.Errorf("%d bytes wait", waiting)
	}
	lost := w.Lost()
	if lost < lines-2*mostLog/1024 || lost >= lines {
		t.Errorf("%d of %d lines are lost", lost, lines)
	}
	r.mu.Unlock()
	_, _ = w.Write([]byte("again\n"))
	w.close()
	text := r.text()
	var told uint64
	for s := range strings.Lines(text) {
		if i := strings.Index(s, "lines="); i > 0 {
			var n uint64
			if _, err := fmt.Sscanf(s[i:], "lines=%d", &n); err != nil || !strings.HasPrefix(s, "time=") || !strings.Contains(s, "level=WARN") {
				t.Errorf("%v in %q", err, s)
			}
			told += n
		}
	}
	if told != w.Lost() {
		t.Errorf("the log tells of %d lost lines, it is %d", told, w.Lost())
	}
}

// TestReaderNeverComesBack: the end does not wait for a reader who stays frozen.
func TestReaderNeverComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		w := newLogWriter(writerFunc(func(p []byte) (int, error) { <-gate; return len(p), nil }))
		_, _ = w.Write([]byte("last words\n"))
		start := time.Now()
		w.close()
		if d := time.Since(start); d != flushTime {
			t.Errorf("the end took %v", d)
		}
		close(gate)
		<-w.ended
	})
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestReaderGone: lines for a reader who has gone are counted as lost, and he who comes in
// his place is told.
func TestReaderGone(t *testing.T) {
	r := &reader{gone: true}
	w := newLogWriter(r)
	_, _ = w.Write([]byte("one\ntwo\n"))
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(10 * time.Second); w.Lost() != 2; <-look.C {
		if time.Now().After(end) {
			t.Fatalf("%d lines are lost", w.Lost())
		}
	}
	r.mu.Lock()
	r.gone = false
	r.mu.Unlock()
	_, _ = w.Write([]byte("three\n"))
	w.close()
	if text := r.text(); !strings.HasPrefix(text, "three\n") || !strings.Contains(text, "lines=2\n") {
		t.Errorf("%q", text)
	}
}

// TestBrokenPipe: the program outlives whoever reads its standard error. It is run as a
// process of its own, which the test binary becomes.
func TestBrokenPipe(t *testing.T) {
	if os.Getenv("SERAPH_BROKEN_PIPE") != "" {
		ignorePipe()
		w := newLogWriter(os.Stderr)
		_, _ = w.Write([]byte("nobody reads this\n"))
		w.close()
		if w.Lost() != 1 {
			os.Exit(3)
		}
		os.Exit(0)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer write.Close()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestBrokenPipe$")
	cmd.Env, cmd.Stderr = append(os.Environ(), "SERAPH_BROKEN_PIPE=1"), write
	if err := cmd.Run(); err != nil {
		t.Errorf("the program ended: %v", err)
	}
}
