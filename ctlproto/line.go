package ctlproto

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// ErrLineTooLong is what ReadLine returns for a line over its limit.
var ErrLineTooLong = errors.New("line too long")

// ReadLine reads one line of at most limit bytes, without its LF (or CRLF).
// A longer line is ErrLineTooLong and leaves the reader inside that line. An
// end of file inside a line is io.ErrUnexpectedEOF, before one io.EOF. The
// result is a fresh slice, and memory grows only with what has arrived.
func ReadLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		whole := err == nil
		if whole {
			part = part[:len(part)-1]
		}
		if len(line)+len(part) > limit {
			return nil, fmt.Errorf("%w: over %d bytes", ErrLineTooLong, limit)
		}
		line = append(line, part...)
		switch {
		case whole:
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}
