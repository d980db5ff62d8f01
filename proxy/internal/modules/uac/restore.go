package uac

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
)

// The values of restore_mode.
const (
	restoreAuto   = "auto"
	restoreManual = "manual"
	restoreNone   = "none"
)

// restore is how headers that were replaced are put back.
type restore struct {
	mode     string
	from, to string // parameters of our Record-Route
	wanted   bool   // the script calls uac_restore_from or uac_restore_to
}

// Names is what the relay has to know of it.
func (m *Module) Names() relay.Names {
	return relay.Names{From: m.restore.from, To: m.restore.to, Manual: m.restore.mode != restoreAuto}
}

func (s *restore) setMode(text string, _ int) error {
	switch text {
	case restoreAuto, restoreManual, restoreNone:
		s.mode = text
		return nil
	}
	return fmt.Errorf("restore_mode %q is none of \"auto\", \"manual\" and \"none\"", text)
}

// taken are the URI parameters of a Record-Route that have a meaning already.
var taken = map[string]bool{"lr": true, "ob": true, "r2": true, "srm": true, "transport": true, "maddr": true, "ttl": true, "method": true, "user": true}

// maxParam bounds the name of a parameter of our Record-Route, in bytes.
const maxParam = 32

func setParam(to *string) func(string, int) error {
	return func(text string, _ int) error {
		if text == "" || len(text) > maxParam || taken[text] {
			return fmt.Errorf("%q cannot be the name of a parameter of our Record-Route", text)
		}
		for i := range len(text) {
			if c := text[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				return fmt.Errorf("the parameter %q of our Record-Route has to be of small letters and digits", text)
			}
		}
		*to = text
		return nil
	}
}

// check refuses settings that contradict each other.
func (s *restore) check() error {
	if s.from == s.to {
		return fmt.Errorf("rr_from_store_param and rr_to_store_param are both %q", s.from)
	}
	if s.wanted && s.mode == restoreNone {
		return errors.New("uac_restore_from and uac_restore_to have nothing to restore while restore_mode is \"none\"; set it to \"manual\"")
	}
	return nil
}

// keep tells the relay of a replacement. False, with a line in the log, if it cannot be
// kept.
func (m *Module) keep(c *module.Ctx, f field, old, now []byte) bool {
	if m.restore.mode == restoreNone {
		return true
	}
	err := c.Rename(f.side, old, now)
	if err != nil && m.cfg.Log.Enabled(context.Background(), slog.LevelWarn) {
		m.cfg.Log.Warn("uac: a header is not replaced", "header", f.name, "source", c.From.Remote.String(), "error", err, "call_id", string(c.Msg.CallID()))
	}
	return err == nil
}

// compileRestore compiles uac_restore_from() and uac_restore_to().
func (m *Module) compileRestore(f field) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		m.restore.wanted = true
		return module.NoArgs(func(c *module.Ctx) int {
			if m.restore.mode != restoreNone && c.RestoreName(f.side) {
				return module.True
			}
			return module.False
		})(args)
	}
}
