package proc

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"seraph/e2e/wait"
)

// maxLog bounds what is kept of one process in memory; beyond it the beginning
// is dropped. The copy on disk, if there is one, is complete.
const maxLog = 64 << 20

// Log keeps what a process wrote. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	buf     []byte
	dropped int // bytes dropped from the front, so that marks stay valid
	tee     io.Writer
}

// NewLog makes a log that also copies everything to tee, which may be nil.
func NewLog(tee io.Writer) *Log { return &Log{tee: tee} }

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p...)
	if over := len(l.buf) - maxLog; over > 0 {
		l.buf = append(l.buf[:0], l.buf[over:]...)
		l.dropped += over
	}
	if l.tee != nil {
		// A full disk must not end the process under test; the log in memory stays.
		_, _ = l.tee.Write(p)
	}
	return len(p), nil
}

// String is everything kept.
func (l *Log) String() string { return l.Since(0) }

// Mark is a place in the log: what is written later is Since(mark).
func (l *Log) Mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped + len(l.buf)
}

// Since is what was written after mark.
func (l *Log) Since(mark int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := min(max(mark-l.dropped, 0), len(l.buf))
	return string(l.buf[from:])
}

// Contains reports whether s was written.
func (l *Log) Contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.buf, []byte(s))
}

// WaitMatch waits until the log after mark matches the expression, and reports
// whether it did within the deadline.
func (l *Log) WaitMatch(mark int, re *regexp.Regexp, within time.Duration) bool {
	return wait.Until(within, func() bool { return re.MatchString(l.Since(mark)) })
}

// Tail is the last n lines, for messages of failed tests.
func (l *Log) Tail(n int) string {
	lines := strings.Split(strings.TrimRight(l.String(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
