package main

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// readSecret reads one line from the terminal fd without showing it, at most
// maxPasswordFile bytes. Ctrl-D on an empty line is io.EOF; term.ReadPassword
// takes that for nothing and goes on reading.
func readSecret(fd int) (string, error) {
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", err
	}
	blind := *before
	blind.Lflag &^= unix.ECHO
	blind.Lflag |= unix.ICANON | unix.ISIG
	blind.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &blind); err != nil {
		return "", err
	}
	line, err := readLine(fd)
	return line, errors.Join(err, unix.IoctlSetTermios(fd, unix.TCSETS, before))
}

// readLine reads up to a line end, or to the end of what is typed. The terminal
// hands over whole lines, and cuts those that are longer than it can hold.
func readLine(fd int) (string, error) {
	var line []byte
	for len(line) <= maxPasswordFile {
		var c [1]byte
		switch n, err := unix.Read(fd, c[:]); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return "", err
		case n == 0 && len(line) == 0:
			return "", io.EOF
		case n == 0 || c[0] == '\n':
			return string(line), nil
		default:
			line = append(line, c[0])
		}
	}
	return "", errors.New("what was typed is too long for a password")
}
