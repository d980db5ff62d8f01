package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"seraph/ctlproto"
)

// SocketMode is the mode of the control socket: whoever is in its group is an
// operator.
const SocketMode fs.FileMode = 0o660

// backlog is how many clients may wait to be accepted.
const backlog = 64

// Socket is the listening Unix socket. It is a net.Listener; Close removes the
// file unless it is no longer this socket's.
type Socket struct {
	net.Listener
	path   string
	device uint64
	inode  uint64
	once   sync.Once
	err    error
}

// Listen makes the control socket at path, with mode SocketMode and, if group
// is not empty, that group (a name or a number). Mode and group are final
// before the first client can connect. A socket that nobody listens on any more
// is replaced; one that answers is an error that says so, and so is a file of
// another kind. The folder must exist.
func Listen(path, group string) (*Socket, error) {
	if err := ctlproto.CheckSocketPath(path); err != nil {
		return nil, err
	}
	gid, err := groupID(group)
	if err != nil {
		return nil, err
	}
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	defer unlock()
	if err := removeDead(path); err != nil {
		return nil, err
	}
	s, err := bind(path, gid)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return s, nil
}

// Close stops listening and removes the file.
func (s *Socket) Close() error {
	s.once.Do(func() {
		s.err = s.Listener.Close()
		var now syscall.Stat_t
		if syscall.Lstat(s.path, &now) == nil && now.Dev == s.device && now.Ino == s.inode {
			s.err = errors.Join(s.err, os.Remove(s.path))
		}
	})
	return s.err
}

func groupID(group string) (int, error) {
	if group == "" {
		return -1, nil
	}
	if gid, err := strconv.ParseUint(group, 10, 31); err == nil {
		return int(gid), nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("control socket: group %q is unknown to the system", group)
	}
	return strconv.Atoi(g.Gid)
}

// lockFolder keeps two starting proxies from taking each other's new socket
// for a dead one. The lock is on the folder itself, so it leaves no file.
func lockFolder(folder string) (unlock func(), err error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, pathReason(err)
	}
	deadline := time.Now().Add(2 * time.Second)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			f.Close()
			return nil, fmt.Errorf("lock the folder: %w", err)
		case time.Now().After(deadline):
			f.Close()
			return nil, errors.New("another program holds a lock on the folder")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// removeDead removes a socket on which nobody listens.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("control socket %s: %w", path, pathReason(err))
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("control socket %s: there is a file that is no socket; it is left alone", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) { // also: full backlog, no right to connect
		return fmt.Errorf("control socket %s: another program is listening on it; is seraph-proxy already running?", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("control socket %s: remove the dead one: %w", path, pathReason(err))
	}
	return nil
}

// bind makes the socket. The standard library binds and listens in one step,
// which leaves no moment to set the mode before the first client; hence the
// system calls. Between bind and listen every connect is refused.
func bind(path string, gid int) (*Socket, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close() // FileListener has its own copy
	// The kernel takes the file's mode from the socket, less the umask, so the
	// file is at no moment open to others.
	if err := syscall.Fchmod(fd, uint32(SocketMode)); err != nil {
		return nil, fmt.Errorf("mode: %w", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	s := &Socket{path: path}
	if err := s.finish(fd, gid); err != nil {
		os.Remove(path)
		return nil, err
	}
	if s.Listener, err = net.FileListener(f); err != nil {
		os.Remove(path)
		return nil, err
	}
	return s, nil
}

// finish gives the bound file its group and mode, remembers which it is, and
// only then listens.
func (s *Socket) finish(fd, gid int) error {
	if gid >= 0 {
		if err := os.Lchown(s.path, -1, gid); err != nil {
			return fmt.Errorf("group: %w", pathReason(err))
		}
	}
	if err := os.Chmod(s.path, SocketMode); err != nil { // the umask's share
		return fmt.Errorf("mode: %w", pathReason(err))
	}
	var own syscall.Stat_t
	if err := syscall.Lstat(s.path, &own); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	s.device, s.inode = own.Dev, own.Ino
	if err := syscall.Listen(fd, backlog); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// pathReason drops the path, which our text has already.
func pathReason(err error) error {
	var reason *fs.PathError
	if errors.As(err, &reason) {
		return reason.Err
	}
	return err
}
