package control

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How a reply is delivered: the caller may open its pipe a little later than it
// writes the request.
const (
	replyTries   = 4
	replyPause   = 80 * time.Millisecond
	replyTimeout = 10 * time.Second
)

// replyPipe is the caller's own pipe, in which it reads its answer. It is opened once, and
// closed after the one answer, so that the caller reads that and then the end.
type replyPipe struct {
	dir, name string

	mu   sync.Mutex
	file *os.File // nil until it is open
}

// gone reports whether the caller had its pipe open for reading and no longer has. One that
// has not opened it yet may still do so.
func (p *replyPipe) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		_ = p.open() // else at the next look, and in the end with an error
		return false
	}
	return hungUp(p.file)
}

// open opens the pipe, if somebody reads it. A name that could lead out of the folder
// and whatever is no pipe with one name is refused: the folder may be anybody's.
func (p *replyPipe) open() error {
	if p.name == "" || len(p.name) > 128 || strings.ContainsAny(p.name, "./\\\x00") {
		return errors.New("the name has a character that is not allowed, or is too long")
	}
	file, err := os.OpenFile(filepath.Join(p.dir, p.name), os.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); info.Mode().Type() != fs.ModeNamedPipe || !ok || stat.Nlink != 1 {
			err = errors.New("the reply's file is no FIFO of its own")
		}
	}
	if err != nil {
		file.Close()
		return err
	}
	p.file = file
	return nil
}

// write opens the pipe, unless it is open, and writes the answer.
func (p *replyPipe) write(ctx context.Context, reply []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for try := 1; p.file == nil; try++ {
		err := p.open()
		switch {
		case err == nil:
			continue
		case try == replyTries || !errors.Is(err, syscall.ENXIO) && !errors.Is(err, fs.ErrNotExist):
			return err
		}
		select {
		case <-time.After(replyPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := p.file.SetWriteDeadline(time.Now().Add(replyTimeout)); err != nil {
		return err
	}
	_, err := p.file.Write(reply)
	return err
}

func (p *replyPipe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		p.file.Close()
	}
}
