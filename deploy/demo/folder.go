package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"seraph/ctlproto"
)

// folder is $DEMO_DIR, locked for one demo.
type folder struct {
	path string // absolute
	lock *os.File
	temp string // folder of the socket, if path is too long for one
}

// openFolder makes and locks the folder. Nobody else may read what is in it.
func openFolder(path string) (*folder, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("DEMO_DIR: %w", err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, fmt.Errorf("DEMO_DIR: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(abs, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("DEMO_DIR: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			pid := make([]byte, 32)
			n, _ := f.Read(pid) // without it the message says less
			return nil, fmt.Errorf("a demo runs in %s already (process %s): end it, or choose another folder by DEMO_DIR",
				abs, strings.TrimSpace(string(pid[:n])))
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	if err := errors.Join(f.Truncate(0), writeAll(f, fmt.Sprintln(os.Getpid()))); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return &folder{path: abs, lock: f}, nil
}

func writeAll(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// close removes what must not outlive the demo, and unlocks the folder.
func (f *folder) close() error {
	err := f.retract()
	if f.temp != "" {
		err = errors.Join(err, os.RemoveAll(f.temp))
	}
	return errors.Join(err, f.lock.Close())
}

// file is the path of a file in the folder.
func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// socket is the path of the control socket. Where the folder's own is longer
// than a socket's may be, it is in a temporary folder.
func (f *folder) socket() (string, error) {
	const name = "ctl.sock"
	if own := f.file(name); len(own) <= ctlproto.MaxSocketPath {
		return own, nil
	}
	if f.temp == "" {
		temp, err := os.MkdirTemp("", "seraph-demo-")
		if err != nil {
			return "", err
		}
		f.temp = temp
	}
	path := filepath.Join(f.temp, name)
	return path, ctlproto.CheckSocketPath(path)
}

// passwords returns the password of each user. They are made once and kept, so
// that a phone that was set up goes on working.
func (f *folder) passwords(users []person) (map[string]string, error) {
	const name = "passwords.json"
	all := map[string]string{}
	raw, err := os.ReadFile(f.file(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(raw, &all); err != nil {
			return nil, fmt.Errorf("%s: %w; delete the file to get new passwords", f.file(name), err)
		}
	}
	for _, u := range users {
		if all[u.name] == "" {
			all[u.name] = newPassword()
		}
	}
	return all, f.write(name, all)
}

// newPassword makes one that is easy to type and has 40 random bits.
func newPassword() string {
	const letters = "abcdefghjkmnpqrstuvwxyz234567892" // 32, none that look alike
	b := make([]byte, 8)
	rand.Read(b) // never fails
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	return string(b[:4]) + "-" + string(b[4:])
}

// write puts v into a file that only its owner can read; the file is whole at
// every moment.
func (f *folder) write(name string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	t, err := os.CreateTemp(f.path, name+"-") // mode 0600
	if err != nil {
		return err
	}
	_, err = t.Write(append(raw, '\n'))
	if err = errors.Join(err, t.Close()); err == nil {
		err = os.Rename(t.Name(), f.file(name))
	}
	if err != nil {
		os.Remove(t.Name())
	}
	return err
}
