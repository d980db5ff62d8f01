package control

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// errFIFOFraming: what was read is no request, and was dropped.
var errFIFOFraming = errors.New("no request")

// Limits on what the pipe takes, in bytes.
const (
	maxFIFOObject = 8 << 10 // Kamailio's
	maxFIFOLine   = 4 << 10
	maxFIFOLines  = 256
)

// fifoPatience is how long the rest of a request may take; whoever began it may have
// died, and what comes then is another's.
const fifoPatience = 3 * time.Second

// fifoRequest is one request of either framing. With an error it is what was read, for
// whoever waits for an answer.
type fifoRequest struct {
	object []byte // Kamailio's; nil for SER's
	// SER's: the command, the name of the caller's pipe, and what follows.
	command, reply string
	args           []string
	headers, body  string // of t_uac_dlg

	refused error // why it is none
}

// waiting are the names of the pipes in which an answer is waited for although there is no
// request.
func (q *fifoRequest) waiting() []string {
	switch {
	case q.object != nil:
		return replyNames(q.object)
	case q.reply != "":
		return []string{q.reply}
	}
	return nil
}

// fifoSource is what a fifoReader reads: a pipeEnd, but in tests.
type fifoSource interface {
	io.Reader
	SetReadDeadline(t time.Time) error
	// halfWritten says until when somebody may be in the middle of writing, although nothing comes, or only others' writes do.
	halfWritten() time.Time
}

// fifoReader takes the pipe's bytes apart.
type fifoReader struct {
	file                fifoSource
	in                  *bufio.Reader
	patience, drainTime time.Duration
	deaf                func(after time.Duration, dropped int) // told that the pipe has no gap; see drain
	crlf                bool                                   // the request's lines end so
	dropped             int                                    // bytes, of the last request that was too long
}

// newFIFOReader makes the reader of a FIFO's pipe.
func newFIFOReader(f *FIFO) *fifoReader {
	return readFIFO(&pipeEnd{File: f.file}, f.patience, f.drainTime, f.deaf)
}

// readFIFO makes the reader of a source.
func readFIFO(file fifoSource, patience, drainTime time.Duration, deaf func(after time.Duration, dropped int)) *fifoReader {
	return &fifoReader{file: file, in: bufio.NewReader(file), patience: patience, drainTime: drainTime, deaf: deaf}
}

// pipeRoom is below what a pipe holds at least, in bytes: half, since a write may leave half a page behind.
const pipeRoom = 32 << 10

// pipeEnd is the end of a pipe that is read.
type pipeEnd struct {
	*os.File
	bursts
}

// bursts are what comes over a pipe between two times at which it is empty.
type bursts struct {
	size int // bytes since the pipe was found empty
	// half: so much came before the pipe was found empty that it may have been full. Then somebody may have
	// written a part only of what he has to write, and not have been woken yet; so it may be until half, for
	// others may write before he is woken. If the pipe was not full, each write is in it whole, and where it is
	// empty none is cut.
	half time.Time
}

func (b *bursts) halfWritten() time.Time { return b.half }

// took notes n bytes that were read, of room that there was for them.
func (b *bursts) took(n, room int) {
	b.size += n
	if n == room || b.size == 0 {
		return
	}
	if b.size >= pipeRoom {
		b.half = time.Now().Add(drainStalled)
	}
	b.size = 0
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// Read reads what there is, also after the deadline: os.ErrDeadlineExceeded says that the pipe is
// empty, and not merely that this process has slept too long to look.
func (p *pipeEnd) Read(b []byte) (int, error) {
	n, err := p.File.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		n, err = p.look(b, err)
	}
	p.took(n, len(b))
	return n, err
}

// look is Read that does not wait; late is the error if there is nothing.
func (p *pipeEnd) look(b []byte, late error) (n int, err error) {
	conn, err := p.SyscallConn()
	if err != nil {
		return 0, late
	}
	_ = p.SetReadDeadline(time.Time{}) // conn.Read heeds it, too
	err = conn.Read(func(fd uintptr) bool {
		n, _ = syscall.Read(int(fd), b)
		return true
	})
	_ = p.SetReadDeadline(past)
	if err != nil || n <= 0 {
		return 0, late
	}
	return n, nil
}

// next returns the next request. An error that is errFIFOFraming leaves the reader
// usable.
func (r *fifoReader) next() (fifoRequest, error) {
	_ = r.file.SetReadDeadline(time.Time{})
	for {
		b, err := r.in.ReadByte()
		if err != nil {
			return fifoRequest{}, err
		}
		_ = r.file.SetReadDeadline(time.Now().Add(r.patience))
		switch b {
		case ' ', '\t', '\r', '\n':
			_ = r.file.SetReadDeadline(time.Time{})
		case '{':
			object, err := r.object()
			return fifoRequest{object: object}, r.kind(err)
		case ':':
			q, err := r.ser()
			return q, r.kind(err)
		default:
			if err := r.kind(r.skip()); err != nil {
				return fifoRequest{}, err
			}
			return fifoRequest{}, fmt.Errorf("%w: want '{' or ':' first, got %q", errFIFOFraming, b)
		}
	}
}

// skip drops the rest of a line, and the lines that came with it, to one that can begin a request.
func (r *fifoReader) skip() error {
	for {
		if _, err := r.line(); err != nil || r.in.Buffered() == 0 {
			return err
		}
		if b, err := r.in.Peek(1); err != nil || strings.IndexByte(":{ \t\r\n", b[0]) >= 0 {
			return err
		}
	}
}

// kind makes of a request that stays unfinished an error of framing.
func (r *fifoReader) kind(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: its end did not come in %v", errFIFOFraming, r.patience)
	}
	return err
}

// object reads a JSON object, whose '{' has been read: to the brace that closes it,
// whatever stands in strings. With an error it returns what there is, of a longer one its
// two ends.
func (r *fifoReader) object() ([]byte, error) {
	object := []byte{'{'}
	depth, inString, escaped := 1, false, false
	for depth > 0 {
		b, err := r.in.ReadByte()
		if err != nil {
			return object, err
		}
		if len(object) == maxFIFOObject {
			end, err := r.tooLong(maxFIFOObject, "bytes")
			return append(object, end...), err
		}
		object = append(object, b)
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped, inString = b == '\\', b != '"'
		case b == '"':
			inString = true
		case b == '{':
			depth++
		case b == '}':
			depth--
		}
	}
	return object, nil
}

// drainedEnd is how much of what it drops drain returns at most, in bytes.
const drainedEnd = 2 << 10

// When a request that is too long is over: nobody writes for drainQuiet. Others write, too, and theirs is
// dropped with it: their writing must not keep the pipe deaf. So after drainTime a gap of drainGap will do,
// but nothing less than one between two requests: within somebody's text, which may be a stranger's (see
// dialogRequest), each line could begin a command. It is longer than a program that writes a text in pieces
// waits for a processor between two. Where somebody may be in the middle of writing (see bursts) he has
// drainStalled for the rest, whatever others write in that time.
const (
	drainQuiet   = 100 * time.Millisecond
	drainGap     = 50 * time.Millisecond
	drainStalled = time.Second
	drainTime    = time.Second
)

// tooLong drops the rest of a request that has more than limit of what. It returns the end of that, for
// who waits for an answer to it, and the error.
func (r *fifoReader) tooLong(limit int, what string) (end []byte, err error) {
	r.dropped = 0
	end, quiet := r.drain()
	if !quiet {
		return end, fmt.Errorf("%w: over %d %s, and %d bytes after these are dropped, with what others wrote in that time",
			errFIFOFraming, limit, what, r.dropped)
	}
	return end, fmt.Errorf("%w: over %d %s, and %d bytes after these are dropped", errFIFOFraming, limit, what, r.dropped)
}

// drain drops what comes until the pipe is quiet, or after drainTime until it has a gap; it returns the end
// of it, and whether the pipe was quiet. A line that could begin a request does not end it: it may stand in
// a text that is too long, and be nobody's request. A pipe without any gap stays deaf, and deaf is told so:
// after twice the drainTime, and whenever that has doubled again.
func (r *fifoReader) drain() (end []byte, quiet bool) {
	for began, tell := time.Now(), 2*r.drainTime; ; {
		now := time.Now()
		since := now.Sub(began)
		if since >= tell {
			r.deaf(since, r.dropped)
			tell = 2 * since
		}
		wait := r.gap(now, since)
		_ = r.file.SetReadDeadline(now.Add(wait))
		_, err := r.in.Peek(1)
		if err != nil && (!errors.Is(err, os.ErrDeadlineExceeded) || r.gap(now, since) <= wait) {
			return end, since < r.drainTime
		}
		end = r.discard(end, r.in.Buffered())
	}
}

// gap is how long from now the pipe must be empty for the drain to end, which has lasted for since.
func (r *fifoReader) gap(now time.Time, since time.Duration) time.Duration {
	gap := drainQuiet
	if since >= r.drainTime {
		gap = drainGap
	}
	return max(gap, r.file.halfWritten().Sub(now))
}

// discard drops n bytes that are buffered, and appends them to end, of which it keeps as much as
// drain returns.
func (r *fifoReader) discard(end []byte, n int) []byte {
	text, _ := r.in.Peek(n)
	end = append(end, text...)
	if over := len(end) - drainedEnd; over > 0 {
		end = end[:copy(end, end[over:])]
	}
	_, _ = r.in.Discard(n)
	r.dropped += n
	return end
}

// line reads to the next LF. Blanks at its end are none of it, as in SER: its own scripts
// have some.
func (r *fifoReader) line() (string, error) {
	line, err := r.rawLine()
	return strings.TrimRight(line, " \t\r"), err
}

// bodyLine is line with its blanks, and with its CR if the request's own lines have none.
func (r *fifoReader) bodyLine() (string, error) {
	line, err := r.rawLine()
	if r.crlf {
		line = strings.TrimSuffix(line, "\r")
	}
	return line, err
}

// rawLine reads to the next LF. With an error it returns what there is of the line.
func (r *fifoReader) rawLine() (string, error) {
	var line []byte
	for {
		b, err := r.in.ReadByte()
		switch {
		case err != nil:
			return string(line), err
		case b == '\n':
			return string(line), nil
		case len(line) == maxFIFOLine:
			_, err := r.tooLong(maxFIFOLine, "bytes in a line")
			return "", err
		}
		line = append(line, b)
	}
}

// ser reads a request of SER's FIFO, whose first colon has been read:
// "command:reply_name", a parameter a line, an empty line. Like SER it asks for the empty
// line only where it cannot know that this was the last parameter, and in the end without.
func (r *fifoReader) ser() (fifoRequest, error) {
	first, err := r.rawLine()
	if err != nil {
		return fifoRequest{}, err
	}
	r.crlf = strings.HasSuffix(first, "\r")
	command, reply, ok := strings.Cut(strings.TrimRight(first, " \t\r"), ":")
	if !ok || command == "" { // this line alone: the next one may be another writer's
		return fifoRequest{}, fmt.Errorf("%w: want \":command:reply_name\"", errFIFOFraming)
	}
	q := fifoRequest{command: strings.ToLower(command), reply: reply}
	if q.command == serDialogCommand {
		return q, r.dialogRequest(&q)
	}
	most, least := maxFIFOLines, 0
	if known, ok := serCommands()[q.command]; ok {
		most, least = len(known.names), len(known.names)-known.optional
	}
	for len(q.args) < most {
		line, err := r.line()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && line == "" && len(q.args) >= least:
			return q, nil
		case err != nil:
			return q, err
		case line == "":
			return q, nil
		}
		q.args = append(q.args, line)
	}
	if most == maxFIFOLines {
		_, err := r.tooLong(maxFIFOLines, "lines")
		return q, err
	}
	return q, nil
}

// dialogRequest reads what t_uac_dlg has: three lines, then the headers to a line of one dot
// or an empty one, and the body to a line of one dot: it may hold empty lines. A dot with
// blanks behind it does not end the body, nor one with a CR in a request whose own lines have none:
// so who puts there what others have written into a form (serweb does) keeps them from going on with a
// command of their own.
func (r *fifoReader) dialogRequest(q *fifoRequest) error {
	for range 3 {
		line, err := r.line()
		if err != nil {
			return err
		}
		q.args = append(q.args, line)
	}
	var err error
	if q.headers, err = r.block(r.line, ".", ""); err != nil {
		return err
	}
	q.body, err = r.block(r.bodyLine, ".")
	return err
}

// block reads lines to one of ends.
func (r *fifoReader) block(next func() (string, error), ends ...string) (string, error) {
	var b strings.Builder
	for {
		line, err := next()
		switch {
		case err != nil:
			return "", err
		case slices.Contains(ends, line):
			return b.String(), nil
		case b.Len() > maxFIFOObject:
			_, err := r.tooLong(maxFIFOObject, "bytes")
			return "", err
		}
		b.WriteString(strings.TrimSuffix(line, "\r") + "\r\n")
	}
}
