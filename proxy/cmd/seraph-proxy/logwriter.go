package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// mostLog bounds what waits for whoever reads the log, in bytes: some 8,000 lines.
	mostLog = 1 << 20
	// flushTime bounds the wait for him at the end.
	flushTime = time.Second
)

// logWriter takes the lines of the log and writes them on a goroutine of its own, so that
// nobody waits for who reads it: a frozen reader must not stop calls, nor one that is gone
// end the router. Beyond mostLog lines are lost, and counted.
type logWriter struct {
	out io.Writer

	mu      sync.Mutex
	more    sync.Cond // something waits, or the writer is closed
	waiting []byte
	lost    uint64 // lines, in all
	told    uint64 // of these, by a line in the log
	closed  bool

	ended chan struct{} // closed when everything has been written after close
}

// newLogWriter begins to write to out.
func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{out: out, ended: make(chan struct{})}
	w.more.L = &w.mu
	go w.run()
	return w
}

// Write takes one line, or several; it never waits and never fails.
func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting)+len(p) > mostLog {
		w.lost += lineCount(p)
		return len(p), nil
	}
	w.waiting = append(w.waiting, p...)
	w.more.Signal()
	return len(p), nil
}

// Lost is how many lines nobody has read, or could.
func (w *logWriter) Lost() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// close writes what waits, for flushTime at most.
func (w *logWriter) close() {
	w.mu.Lock()
	w.closed = true
	w.more.Signal()
	w.mu.Unlock()
	bound := time.NewTimer(flushTime)
	defer bound.Stop()
	select {
	case <-w.ended:
	case <-bound.C:
	}
}

// run writes until the writer is closed and nothing waits.
func (w *logWriter) run() {
	defer close(w.ended)
	var batch []byte
	for {
		var ok bool
		if batch, ok = w.take(batch); !ok {
			return
		}
		n, err := w.out.Write(batch)
		if err != nil {
			w.mu.Lock()
			w.lost += lineCount(batch[n:])
			w.mu.Unlock()
		}
	}
}

// take waits for lines and returns them; spare is memory that is not used any more. False:
// there will be no more.
func (w *logWriter) take(spare []byte) ([]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) == 0 && !w.closed {
		w.more.Wait()
	}
	if len(w.waiting) == 0 {
		return nil, false
	}
	batch := w.waiting
	if w.lost > w.told {
		batch = fmt.Appendf(batch, "time=%s level=WARN msg=\"lines of the log are lost: nobody has read them in time\" lines=%d\n",
			time.Now().Format("2006-01-02T15:04:05.000Z07:00"), w.lost-w.told)
		w.told = w.lost
	}
	w.waiting = spare[:0]
	return batch, true
}

// lineCount counts lines; what has no end is one, too.
func lineCount(p []byte) uint64 {
	n := bytes.Count(p, []byte("\n"))
	if len(p) > 0 && p[len(p)-1] != '\n' {
		n++
	}
	return uint64(n)
}
