package control

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
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

// fifoRequest is one request of either framing.
type fifoRequest struct {
	object []byte // Kamailio's; nil for SER's
	// SER's: the command, the name of the caller's pipe, and what follows.
	command, reply string
	args           []string
	headers, body  string // of t_uac_dlg
}

// fifoReader takes the pipe's bytes apart.
type fifoReader struct {
	file *os.File
	in   *bufio.Reader
}

func newFIFOReader(file *os.File) *fifoReader {
	return &fifoReader{file: file, in: bufio.NewReader(file)}
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
		_ = r.file.SetReadDeadline(time.Now().Add(fifoPatience))
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
			_, err := r.line()
			if err := r.kind(err); err != nil {
				return fifoRequest{}, err
			}
			return fifoRequest{}, fmt.Errorf("%w: want '{' or ':' first, got %q", errFIFOFraming, b)
		}
	}
}

// kind makes of a request that stays unfinished an error of framing.
func (r *fifoReader) kind(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: its end did not come in %v", errFIFOFraming, fifoPatience)
	}
	return err
}

// object reads a JSON object, whose '{' has been read: to the brace that closes it,
// whatever stands in strings.
func (r *fifoReader) object() ([]byte, error) {
	object := []byte{'{'}
	depth, inString, escaped := 1, false, false
	for depth > 0 {
		b, err := r.in.ReadByte()
		if err != nil {
			return nil, err
		}
		if len(object) == maxFIFOObject {
			r.drain()
			return nil, fmt.Errorf("%w: over %d bytes", errFIFOFraming, maxFIFOObject)
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

// drain drops what comes until the pipe is quiet.
func (r *fifoReader) drain() {
	for range 1 << 20 {
		_ = r.file.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := r.in.ReadByte(); err != nil {
			return
		}
	}
}

// line reads to the next LF.
func (r *fifoReader) line() (string, error) {
	var line []byte
	for {
		b, err := r.in.ReadByte()
		switch {
		case err != nil:
			return "", err
		case b == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case len(line) == maxFIFOLine:
			r.drain()
			return "", fmt.Errorf("%w: a line of over %d bytes", errFIFOFraming, maxFIFOLine)
		}
		line = append(line, b)
	}
}

// ser reads a request of SER's FIFO, whose first colon has been read:
// "command:reply_name", a parameter a line, an empty line.
func (r *fifoReader) ser() (fifoRequest, error) {
	first, err := r.line()
	if err != nil {
		return fifoRequest{}, err
	}
	command, reply, ok := strings.Cut(first, ":")
	if !ok || command == "" { // this line alone: the next one may be another writer's
		return fifoRequest{}, fmt.Errorf("%w: want \":command:reply_name\"", errFIFOFraming)
	}
	q := fifoRequest{command: command, reply: reply}
	if command == "t_uac_dlg" {
		return q, r.dialogRequest(&q)
	}
	for {
		line, err := r.line()
		switch {
		case err != nil:
			return q, err
		case line == "":
			return q, nil
		case len(q.args) == maxFIFOLines:
			r.drain()
			return q, fmt.Errorf("%w: over %d lines", errFIFOFraming, maxFIFOLines)
		}
		q.args = append(q.args, line)
	}
}

// dialogRequest reads what t_uac_dlg has: three lines, then headers and body, each to
// a line of one dot. The body may hold empty lines, so its dot ends the request.
func (r *fifoReader) dialogRequest(q *fifoRequest) error {
	for range 3 {
		line, err := r.line()
		if err != nil {
			return err
		}
		q.args = append(q.args, line)
	}
	var err error
	if q.headers, err = r.block(); err != nil {
		return err
	}
	q.body, err = r.block()
	return err
}

// block reads lines to one that is a dot.
func (r *fifoReader) block() (string, error) {
	var b strings.Builder
	for {
		line, err := r.line()
		switch {
		case err != nil:
			return "", err
		case line == ".":
			return b.String(), nil
		case b.Len() > maxFIFOObject:
			r.drain()
			return "", fmt.Errorf("%w: over %d bytes", errFIFOFraming, maxFIFOObject)
		}
		b.WriteString(line + "\r\n")
	}
}
