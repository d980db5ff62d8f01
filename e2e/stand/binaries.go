package stand

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	tree, err := filepath.Abs("..") // another work tree builds other programs
	if err != nil {
		return Binaries{}, fmt.Errorf("work tree: %w", err)
	}
	sum := sha256.Sum256([]byte(tree))
	dir = filepath.Join(cache, "seraph-e2e", hex.EncodeToString(sum[:6]))
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

// Planted builds the router, with the tag "poison", with a fault in it: in the file,
// named from the root, the text old, which must stand there once, becomes text. The
// file itself stays as it is.
func Planted(t testing.TB, file, old, text string) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, file)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), old); n != 1 {
		t.Fatalf("%s holds %q %d times: the fault cannot be planted", file, old, n)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, "changed.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{changed: []byte(strings.Replace(string(source), old, text, 1)), filepath.Join(dir, "overlay.json"): overlay} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(dir, "seraph-proxy")
	cmd := exec.Command("go", "build", "-tags", "poison", "-overlay", filepath.Join(dir, "overlay.json"), "-o", bin, "seraph/proxy/cmd/seraph-proxy")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build with the fault: %v\n%s", err, out)
	}
	return bin
}
