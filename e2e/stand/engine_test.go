package stand

import (
	"slices"
	"strings"
	"testing"
)

// TestEngineOfTheRun: what the environment asks for is what the tests run on.
func TestEngineOfTheRun(t *testing.T) {
	for _, c := range []struct {
		asked, everything string
		standard          Engine
		engines           []Engine
	}{
		{"", "", SQLite, []Engine{SQLite}},
		{"", "all", SQLite, []Engine{SQLite, MariaDB}},
		{"sqlite", "", SQLite, []Engine{SQLite}},
		{"sqlite", "all", SQLite, []Engine{SQLite}},
		{"mariadb", "", MariaDB, []Engine{MariaDB}},
		{"mariadb", "all", MariaDB, []Engine{MariaDB}},
	} {
		t.Setenv(engineVariable, c.asked)
		t.Setenv("SERAPH_E2E", c.everything)
		if err := CheckEngine(); err != nil {
			t.Errorf("%q: %v", c.asked, err)
		}
		if got := standardEngine(); got != c.standard {
			t.Errorf("%q %q: a stand is on %s, want %s", c.asked, c.everything, got, c.standard)
		}
		if got := Engines(); !slices.Equal(got, c.engines) {
			t.Errorf("%q %q: engines are %v, want %v", c.asked, c.everything, got, c.engines)
		}
	}
}

// TestNoSuchEngine: a run on an engine that there is not says so before its first test.
func TestNoSuchEngine(t *testing.T) {
	for _, asked := range []string{"oracle", "MariaDB", "mariadb ", "sqlite,mariadb", "memory"} {
		t.Setenv(engineVariable, asked)
		err := CheckEngine()
		if err == nil {
			t.Errorf("%q is taken for an engine", asked)
			continue
		}
		for _, part := range []string{engineVariable, `"` + asked + `"`, "sqlite or mariadb"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: the error does not say %s: %v", asked, part, err)
			}
		}
	}
}
