package store

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/schema"
)

func TestParseURL(t *testing.T) {
	tests := map[string]target{
		"mysql://u:p@h/d":                            {dialect: schema.MySQL, user: "u", password: "p", network: "tcp", address: "h:3306", database: "d"},
		"sql://u:p@h:3307/d":                         {dialect: schema.MySQL, user: "u", password: "p", network: "tcp", address: "h:3307", database: "d"},
		"MySQL://h/d?tls=true":                       {dialect: schema.MySQL, network: "tcp", address: "h:3306", database: "d", tls: "true"},
		"mysql://u@[::1]/d?tls=skip-verify":          {dialect: schema.MySQL, user: "u", network: "tcp", address: "[::1]:3306", database: "d", tls: "skip-verify"},
		"mysql://u@[::1]:3307/d":                     {dialect: schema.MySQL, user: "u", network: "tcp", address: "[::1]:3307", database: "d"},
		"mysql://u:p@unix(/run/my sql/s)/d":          {dialect: schema.MySQL, user: "u", password: "p", network: "unix", address: "/run/my sql/s", database: "d"},
		"mysql://u%3A:p%40%2F%25:@@h/d%20":           {dialect: schema.MySQL, user: "u:", password: "p@/%:@", network: "tcp", address: "h:3306", database: "d "},
		"sqlite:///var/lib/seraph/seraph.db":         {dialect: schema.SQLite, path: "/var/lib/seraph/seraph.db"},
		"sqlite:///a%20b/../c%3Fd.db":                {dialect: schema.SQLite, path: "/c?d.db"},
		"":                                           {},
		"mysql":                                      {},
		"file:///x":                                  {},
		"mysql://":                                   {},
		"mysql://u:p@/d":                             {},
		"mysql://u:p@h":                              {},
		"mysql://u:p@h/":                             {},
		"mysql://u:p@h/a/b":                          {},
		"mysql://u:p%@h/d":                           {},
		"mysql://u:p@unix(/run/s/d":                  {},
		"mysql://u:p@unix(run/s)/d":                  {},
		"mysql://u:p@h/d?tls=maybe":                  {},
		"mysql://u:p@h/d?allowAllFiles=true":         {},
		"mysql://u:p@h/d?tls=true&multiStatements=1": {},
		"sqlite://relative.db":                       {},
		"sqlite:///":                                 {},
		"sqlite:///folder/":                          {},
		"sqlite:///x%zz":                             {},
		"sqlite:///x%00":                             {},
	}
	for url, want := range tests {
		got, err := parseURL(url)
		if got != want || (err == nil) != (want != target{}) {
			t.Errorf("parseURL(%q) = %+v, %v; want %+v", url, got, err, want)
		}
	}
}

func TestMaskURL(t *testing.T) {
	for url, want := range map[string]string{
		"mysql://u:secret@h/d":          "mysql://u:***@h/d",
		"mysql://u:se:cr@et@h/d":        "mysql://u:***@h/d",
		"mysql://u:@h/d":                "mysql://u:***@h/d",
		"mysql://u@h:3306/d":            "mysql://u@h:3306/d",
		"mysql://h:3306/d":              "mysql://h:3306/d",
		"mysql://u:secret":              "mysql://u:***",
		"u:secret@h/d":                  "u:***@h/d",
		"mysql://u:secret@unix(/s)/d":   "mysql://u:***@unix(/s)/d",
		"sqlite:///var/x@y:z.db":        "sqlite:///var/x@y:z.db",
		"postgres://u:secret@h:1/d?x=y": "postgres://u:***@h:1/d?x=y",
	} {
		if got := MaskURL(url); got != want {
			t.Errorf("MaskURL(%q) = %q, want %q", url, got, want)
		}
	}
}

func FuzzMaskURL(f *testing.F) {
	f.Add("mysql", "user", "secret", "h:3306/d?tls=true")
	f.Add("sql", "", "a@b:c/%", "unix(/s)/d")
	f.Fuzz(func(t *testing.T, scheme, user, password, rest string) {
		if strings.ContainsAny(user, ":@") || strings.Contains(rest, "@") || strings.Contains(scheme, ":") || strings.EqualFold(scheme, "sqlite") {
			return // what follows would not be the password's place
		}
		const mark = "PASSWORD-OF-THE-TEST"
		url := scheme + "://" + user + ":" + mark + password + mark + "@" + rest
		if masked := MaskURL(url); strings.Contains(masked, mark) {
			t.Errorf("MaskURL(%q) = %q", url, masked)
		}
		if parsed, err := parseURL(url); err != nil && strings.Contains(err.Error(), mark) {
			t.Errorf("parseURL(%q): %v", url, err)
		} else if err == nil && parsed.database == "" {
			t.Errorf("parseURL(%q) = %+v", url, parsed)
		}
	})
}

func TestSQLiteURL(t *testing.T) {
	t.Chdir(t.TempDir())
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	url, err := SQLiteURL("a b?%.db")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(filepath.Join(dir, "a b?%.db"), got.path); diff != "" {
		t.Errorf("%s (-want +got):\n%s", url, diff)
	}
}

// TestBecomeOwner: root becomes the owner of the file or, before it exists, of its folder. Nobody else changes, so
// the check runs in a process of its own.
func TestBecomeOwner(t *testing.T) {
	const ask = "SERAPH_STORE_TEST_OWNER"
	if url := os.Getenv(ask); url != "" {
		if err := BecomeOwner(url); err != nil {
			t.Fatal(err)
		}
		file, err := parseURL(url)
		if err == nil && file.dialect == schema.SQLite {
			err = createSQLite(file.path)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	const nobody = 65534
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	wantUID := os.Geteuid()
	if wantUID == 0 {
		wantUID = nobody
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		for up := filepath.Dir(dir); up != os.TempDir() && up != "/"; up = filepath.Dir(up) {
			if err := os.Chmod(up, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 { // by the folder, then by the file
		for _, url := range []string{"sqlite://" + path, "mysql://u:p@h/d"} {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBecomeOwner$")
			cmd.Env = append(os.Environ(), ask+"="+url)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", url, err, out)
			}
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if uid := ownerOf(info); uid != wantUID {
			t.Errorf("the file belongs to %d, want %d", uid, wantUID)
		}
		if info.Mode().Perm()&0o007 != 0 {
			t.Errorf("mode %v: others may read it", info.Mode())
		}
	}
	if err := BecomeOwner("sqlite:///none/such/folder/x.db"); os.Geteuid() == 0 && err == nil {
		t.Error("BecomeOwner of a missing folder gave no error")
	}
	if err := BecomeOwner("nonsense"); err == nil {
		t.Error("BecomeOwner took nonsense for a URL")
	}
}

func ownerOf(info os.FileInfo) int {
	stat, _ := info.Sys().(*syscall.Stat_t)
	return int(stat.Uid)
}
