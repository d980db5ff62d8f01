package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// FIFOConfig is where a FIFO is and where it answers.
type FIFOConfig struct {
	Path string
	Mode fs.FileMode // 0 = 0660: whoever may write to it is an operator
	// Group of the file, a name or a number; empty leaves the process's.
	Group string
	// ReplyDir is the folder of the callers' own FIFOs; empty = /tmp, which kamctl
	// and SER's scripts count on.
	ReplyDir string
	Log      *slog.Logger // nil = no log
}

// maxFIFOCalls is how many requests of the pipe are at work at the same time; when
// all are, nothing is read, and writers wait.
const maxFIFOCalls = 16

// FIFO serves a Server's methods through a named pipe, in the two framings that tools
// of the field speak: Kamailio's JSON objects (module jsonrpcs, what kamctl uses) and
// the lines of SER's own FIFO. The caller reads the reply from a pipe of its own,
// which the request names.
type FIFO struct {
	cfg    FIFOConfig
	file   *os.File
	info   fs.FileInfo
	server *Server
	calls  sync.WaitGroup
	slots  chan struct{}
	ctx    context.Context
	cancel context.CancelFunc

	patience, drainTime time.Duration // fifoPatience and drainTime, but in tests
}

// OpenFIFO makes the pipe, with its final mode. A pipe that nobody reads any more is
// replaced; one that somebody reads is an error that says so, and so is a file of
// another kind.
func OpenFIFO(s *Server, cfg FIFOConfig) (*FIFO, error) {
	if cfg.Mode == 0 {
		cfg.Mode = SocketMode
	}
	if cfg.ReplyDir == "" {
		cfg.ReplyDir = "/tmp"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	gid, err := groupID(cfg.Group)
	if err != nil {
		return nil, err
	}
	unlock, err := lockFolder(filepath.Dir(cfg.Path))
	if err != nil {
		return nil, fmt.Errorf("FIFO %s: %w", cfg.Path, err)
	}
	defer unlock()
	if err := removeDeadFIFO(cfg.Path); err != nil {
		return nil, fmt.Errorf("FIFO %s: %w", cfg.Path, err)
	}
	f := &FIFO{cfg: cfg, server: s, slots: make(chan struct{}, maxFIFOCalls), patience: fifoPatience, drainTime: drainTime}
	if err := f.make(gid); err != nil {
		return nil, fmt.Errorf("FIFO %s: %w", cfg.Path, pathReason(err))
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f, nil
}

// make makes and opens the pipe. It is opened for writing too, so that it has no end
// when the last writer leaves.
func (f *FIFO) make(gid int) error {
	// Nobody but the owner may open it before its group and mode are final.
	if err := syscall.Mkfifo(f.cfg.Path, 0o600); err != nil {
		return err
	}
	file, err := os.OpenFile(f.cfg.Path, os.O_RDWR|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err == nil {
		f.file = file
		f.info, err = file.Stat()
	}
	if err == nil && gid >= 0 {
		err = file.Chown(-1, gid)
	}
	if err == nil {
		err = file.Chmod(f.cfg.Mode)
	}
	if err != nil {
		if file != nil {
			file.Close()
		}
		os.Remove(f.cfg.Path)
	}
	return err
}

// removeDeadFIFO removes a pipe that nobody reads.
func removeDeadFIFO(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return pathReason(err)
	case info.Mode().Type() != fs.ModeNamedPipe:
		return errors.New("there is a file that is no FIFO; it is left alone")
	}
	file, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err == nil {
		file.Close()
	}
	if !errors.Is(err, syscall.ENXIO) { // also: no right to open it
		return errors.New("another program is reading it; is seraph-proxy already running?")
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the dead one: %w", pathReason(err))
	}
	return nil
}

// Serve reads requests until Close.
func (f *FIFO) Serve() {
	r := newFIFOReader(f)
	for {
		q, err := r.next()
		switch {
		case err == nil:
		case errors.Is(err, errFIFOFraming):
			f.cfg.Log.Warn("FIFO: request dropped", "error", err)
			if len(q.waiting()) == 0 {
				continue
			}
			q.refused = err
		default:
			if f.ctx.Err() == nil {
				f.cfg.Log.Error("FIFO: reading ended", "error", err)
			}
			return
		}
		select {
		case f.slots <- struct{}{}:
		case <-f.ctx.Done():
			return
		}
		f.calls.Add(1)
		go func() {
			defer f.calls.Done()
			idle := sync.OnceFunc(func() { <-f.slots })
			defer idle()
			f.answer(q, idle)
		}()
	}
}

// deaf logs that nothing is served because others leave no gap behind a request that is too long.
func (f *FIFO) deaf(after time.Duration, dropped int) {
	f.cfg.Log.Error("FIFO: others write without a gap behind a request that is too long, and all of it is dropped", "after", after, "bytes", dropped)
}

// fifoReply is what the caller reads; hangUp, if not nil, is for the case that nobody does.
type fifoReply struct {
	text   []byte
	hangUp func()
}

// answer runs one request and writes the reply. idle gives back its place among those at
// work: one that waits for a phone must not keep others from being read.
func (f *FIFO) answer(q fifoRequest, idle func()) {
	var object jsonRequest
	name := q.reply
	if q.object != nil && q.refused == nil {
		if err := object.readJSON(q.object); err != nil {
			f.cfg.Log.Warn("FIFO: request is no JSON", "error", err)
			q.refused = fmt.Errorf("request is no JSON: %w", err)
		}
		name = object.Reply
	}
	if q.refused != nil {
		f.refuse(&q)
		return
	}
	pipe := &replyPipe{dir: f.cfg.ReplyDir, name: name}
	defer pipe.close()
	from := caller{idle: idle}
	if name != "" {
		from.gone = pipe.gone
	}
	var reply fifoReply
	if q.object != nil {
		reply = f.jsonCall(f.ctx, from, &object)
	} else {
		reply = f.serCall(f.ctx, from, q)
	}
	if name == "" || reply.text == nil {
		return // the caller wants no answer
	}
	if !f.deliver(pipe, reply.text) && reply.hangUp != nil {
		reply.hangUp()
	}
}

// deliver writes a reply and reports whether somebody has it.
func (f *FIFO) deliver(pipe *replyPipe, text []byte) bool {
	err := pipe.write(f.ctx, text)
	if err != nil {
		f.cfg.Log.Warn("FIFO: reply not delivered", "reply_name", shorten(pipe.name), "error", err)
	}
	return err == nil
}

// refuse answers whoever waits for the answer to something that is no request: a shell that
// reads its pipe would do so for ever.
func (f *FIFO) refuse(q *fifoRequest) {
	reason := printable(q.refused.Error())
	text := fmt.Appendf(nil, "%d %s\n", fifoBadRequest, reason)
	if q.object != nil {
		raw, _ := json.Marshal(map[string]any{"code": fifoBadRequest, "message": reason})
		text = appendPretty(nil, []jsonMember{{"jsonrpc", json.RawMessage(`"2.0"`)}, {"error", raw}})
	}
	for _, name := range q.waiting() {
		pipe := &replyPipe{dir: f.cfg.ReplyDir, name: name}
		f.deliver(pipe, text)
		pipe.close()
	}
}

// run is a method that SER's commands are made of.
func (f *FIFO) run(ctx context.Context, method string, args ...string) (any, error) {
	raw, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	result, refusal := f.server.invoke(ctx, caller{}, method, raw)
	if refusal != nil {
		return nil, refusal
	}
	return result, nil
}

// Close ends Serve, waits for the requests at work and removes the pipe, unless it is
// no longer this one.
func (f *FIFO) Close() error {
	f.cancel()
	err := f.file.Close()
	f.calls.Wait()
	if now, statErr := os.Lstat(f.cfg.Path); statErr == nil && os.SameFile(now, f.info) {
		err = errors.Join(err, os.Remove(f.cfg.Path))
	}
	return err
}
