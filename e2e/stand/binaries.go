package stand

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Binaries are the programs under test.
type Binaries struct{ Proxy, WebUI, Ctl, Demo string }

// Folder is where they are.
func (b Binaries) Folder() string { return filepath.Dir(b.Proxy) }

// build builds the programs once for a test binary, with the tag "poison": released
// buffers are overwritten, so that a message which outlives its buffer shows. The
// folder stays in the user's cache, where the next run finds it warm.
var build = sync.OnceValues(func() (Binaries, error) {
	dir := os.Getenv("SERAPH_E2E_BIN")
	if dir != "" { // binaries made elsewhere, e.g. with a planted fault
		return binariesIn(dir), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return Binaries{}, fmt.Errorf("cache folder: %w", err)
	}
	dir = filepath.Join(cache, "seraph-e2e", "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Binaries{}, fmt.Errorf("cache folder: %w", err)
	}
	cmd := exec.Command("go", "build", "-tags", "poison", "-o", dir+"/",
		"seraph/proxy/cmd/seraph-proxy", "seraph/webui/cmd/seraph-webui", "seraph/ctlproto/cmd/seraphctl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Binaries{}, fmt.Errorf("build the programs: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	cmd = exec.Command("go", "build", "-o", binariesIn(dir).Demo, "seraph/deploy/demo") // "demo" by itself
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Binaries{}, fmt.Errorf("build the demo: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return binariesIn(dir), nil
})

func binariesIn(dir string) Binaries {
	return Binaries{
		Proxy: filepath.Join(dir, "seraph-proxy"),
		WebUI: filepath.Join(dir, "seraph-webui"),
		Ctl:   filepath.Join(dir, "seraphctl"),
		Demo:  filepath.Join(dir, "seraph-demo"),
	}
}

// Programs returns the built programs; a build that fails, fails the test.
func Programs(t testing.TB) Binaries {
	t.Helper()
	b, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
