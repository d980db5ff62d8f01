package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPortalSettings: the demo makes them once and keeps what a visitor changed.
func TestPortalSettings(t *testing.T) {
	f := &folder{path: t.TempDir()}
	holds := func(want string) {
		t.Helper()
		path, err := f.portalConfig()
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, want %s in\n%s", path, err, want, text)
		}
	}
	holds("\ndefault_domain = \"demo.test\"\n")
	if err := os.WriteFile(f.file("webui.toml"), []byte("time_zone = \"Europe/Prague\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	holds("Europe/Prague")
	if err := os.Remove(f.file("webui.toml")); err != nil {
		t.Fatal(err)
	}
	holds("demo.test")
	lost := &folder{path: filepath.Join(t.TempDir(), "gone")}
	if _, err := lost.portalConfig(); err == nil {
		t.Error("settings in a folder that is not there")
	}
}
