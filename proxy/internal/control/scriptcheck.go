package control

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"seraph/ctlproto"
)

const (
	// maxScript is the longest script that is read from a file, in bytes; one
	// in a request is bounded by the request.
	maxScript = ctlproto.MaxRequest
	// maxScriptErrors is how many faults, and remarks, a result lists.
	maxScriptErrors = 200
	// maxFilePath is PATH_MAX.
	maxFilePath = 4096
)

// scriptCheck checks a text, or a file of the proxy's host.
func (s *Server) scriptCheck(_ context.Context, p *params) (any, error) {
	file := p.line("file", maxFilePath)
	text := p.text("text", maxScript)
	readFile := p.given("text") == nil
	if readFile && p.err() == nil {
		switch {
		case file == "":
			p.wrong("file", `missing; give "file", "text" or both`)
		case !filepath.IsAbs(file):
			p.wrong("file", "want an absolute path")
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	if readFile {
		var err error
		if text, err = readScript(file); err != nil {
			return nil, err
		}
	}
	if file == "" {
		file = "script"
	}
	faults, remarks := s.cfg.Script.Check(file, text, readFile)
	return ctlproto.ScriptCheckResult{OK: len(faults) == 0, Errors: listed(faults), Remarks: listed(remarks)}, nil
}

// listed are as many as a result has, [] for none.
func listed(all []ctlproto.ScriptError) []ctlproto.ScriptError {
	return append([]ctlproto.ScriptError{}, all[:min(len(all), maxScriptErrors)]...)
}

// scriptReload makes the proxy read its script again.
func (s *Server) scriptReload(ctx context.Context, p *params) (any, error) {
	if err := p.err(); err != nil {
		return nil, err
	}
	result, err := s.cfg.ScriptReload.Reload(ctx)
	if err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeRefused, "the old script stays in force: %s", err)
	}
	result.Errors, result.Remarks = listed(result.Errors), listed(result.Remarks)
	result.AtNextStart = append([]string{}, result.AtNextStart...)
	return result, nil
}

// readScript reads a regular file. It never waits, as opening a FIFO would.
func readScript(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", unreadable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", unreadable(err)
	case !info.Mode().IsRegular():
		return "", ctlproto.InvalidParam("file", "it is no regular file")
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	switch {
	case err != nil:
		return "", unreadable(err)
	case len(raw) > maxScript:
		return "", ctlproto.Errorf(ctlproto.CodeTooLarge, "the script has over %d bytes", maxScript)
	}
	return string(raw), nil
}

// unreadable says why, without the path: the caller knows it.
func unreadable(err error) *ctlproto.Error {
	var reason *fs.PathError
	if errors.As(err, &reason) {
		err = reason.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return ctlproto.Errorf(ctlproto.CodeNotFound, "file: %s", err)
	}
	return ctlproto.Errorf(ctlproto.CodeRefused, "file: %s (it is read with the rights of the proxy)", err)
}
