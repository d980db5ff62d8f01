package daemon

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keySize is the length in bytes of the secret and of every key made of it.
const keySize = 32

// secret is what the proxy's keys are derived from. It lasts, so that dialogs and
// challenges of before a restart are still known after it.
type secret []byte

// loadSecret reads the state folder's secret and makes it if there is none.
func loadSecret(state string) (secret, error) {
	path := filepath.Join(state, "key")
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return makeSecret(path)
	case err != nil:
		return nil, fmt.Errorf("secret of the state folder: %w", err)
	case len(b) != keySize:
		return nil, fmt.Errorf("secret %s has %d bytes, not %d: remove the file and a new one is made (calls under way then cannot be ended through this proxy)",
			path, len(b), keySize)
	}
	return b, nil
}

// makeSecret writes the file whole or not at all: a crash in between leaves no
// half of a secret.
func makeSecret(path string) (secret, error) {
	b := make([]byte, keySize)
	_, _ = rand.Read(b)                                   // never fails, see crypto/rand
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("secret of the state folder: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("secret of the state folder: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return nil, fmt.Errorf("secret of the state folder: %w", err)
	}
	return b, nil
}

// key derives the key for one purpose.
func (s secret) key(purpose string) []byte {
	k, err := hkdf.Key(sha256.New, s, nil, "seraph "+purpose, keySize)
	if err != nil {
		panic(err) // the length is a constant that SHA-256 allows
	}
	return k
}
