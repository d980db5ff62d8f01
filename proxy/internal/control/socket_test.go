package control

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"seraph/ctlproto"
)

// shortDir is a folder whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

func TestSocket(t *testing.T) {
	path := filepath.Join(shortDir(t), "ctl.sock")
	old := syscall.Umask(0o077) // the mode must not depend on it
	defer syscall.Umask(old)
	l, err := Listen(path, strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|SocketMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	s := New(newFakeProxy().config())
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()

	if _, err := Listen(path, ""); err == nil || !strings.Contains(err.Error(), "already running") {
		t.Errorf("a second proxy: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := ctlproto.Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Hello(); got != (ctlproto.Hello{Name: "seraph-proxy", Version: "0.1.0", Protocol: ctlproto.ProtocolVersion}) {
		t.Errorf("hello %+v", got)
	}
	sub, err := c.Subscribe(ctx, ctlproto.TopicCtd)
	if err != nil {
		t.Fatal(err)
	}
	contacts, err := c.UlLookup(ctx, "alice@example.org")
	if err != nil || len(contacts) != 1 || contacts[0].Expires != time.Hour {
		t.Errorf("lookup: %+v, %v", contacts, err)
	}
	all, err := c.UlDump(ctx)
	if err != nil || len(all) != 2 || !all[1].Contacts[0].Permanent {
		t.Errorf("dump: %+v, %v", all, err)
	}
	if _, err := c.UlLookup(ctx, "nobody@example.org"); ctlproto.CodeOf(err) != ctlproto.CodeNotFound || !strings.Contains(err.Error(), ctlproto.TextAoRNotFound) {
		t.Errorf("lookup of nobody: %v", err)
	}
	s.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{ID: "5"})
	if e, err := sub.Next(ctx); err != nil || e.Topic != ctlproto.TopicCtd {
		t.Errorf("event: %+v, %v", e, err)
	}
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if _, err := c.CoreVersion(ctx); !errors.Is(err, ctlproto.ErrUnreachable) {
		t.Errorf("call after shutdown: %v", err)
	}
	c.Close()
	sub.Close()
}

func TestDeadSocketIsReplaced(t *testing.T) {
	path := filepath.Join(shortDir(t), "ctl.sock")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	l.Close()
}

// TestCloseLeavesTheSuccessor: a proxy that ends does not remove the socket of
// the one that has taken its place.
func TestCloseLeavesTheSuccessor(t *testing.T) {
	path := filepath.Join(shortDir(t), "ctl.sock")
	first, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".old"); err != nil { // keeps the inode from being used again
		t.Fatal(err)
	}
	second, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the successor's socket: %v", err)
	}
}

func TestListenErrors(t *testing.T) {
	folder := shortDir(t)
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ path, group, text string }{
		"a file":        {file, "", "left alone"},
		"too long":      {"/" + strings.Repeat("x", 107), "", "at most 107"},
		"empty":         {"", "", "empty path"},
		"no folder":     {filepath.Join(folder, "none", "sock"), "", "no such file"},
		"unknown group": {filepath.Join(folder, "sock"), "no such group", `group "no such group" is unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			if l, err := Listen(tc.path, tc.group); err == nil || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%v, %v", l, err)
			}
		})
	}
	if raw, err := os.ReadFile(file); string(raw) != "precious" || err != nil {
		t.Errorf("the file: %q, %v", raw, err)
	}
}

// poorListener has no descriptor to accept with for so many times.
type poorListener struct {
	net.Listener
	poor atomic.Int32
}

func (p *poorListener) Accept() (net.Conn, error) {
	if p.poor.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return p.Listener.Accept()
}

// TestOutOfDescriptors: where there is no descriptor to accept with somebody is asked for one, the
// log says it once, and the client who waits is served.
func TestOutOfDescriptors(t *testing.T) {
	path := filepath.Join(shortDir(t), "ctl.sock")
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	poor := &poorListener{Listener: l}
	poor.poor.Store(5)
	asked := 0
	var log strings.Builder
	cfg := newFakeProxy().config()
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	cfg.Relieve = func() bool { asked++; return asked > 1 }
	s := New(cfg)
	served := make(chan error, 1)
	go func() { served <- s.Serve(poor) }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := ctlproto.Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.CoreVersion(ctx); err != nil {
		t.Error(err)
	}
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "too many open files"); asked != 5 || n != 1 {
		t.Errorf("asked %d times, said %d times: %s", asked, n, log.String())
	}
}
