package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/e2e/stand"
)

// says runs a program and returns what it says on standard output.
func says(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, errs.String())
	}
	return string(out)
}

// TestDebianPackage: the package of "make deb" holds the programs, their units and settings, belongs
// to root, and what an operator edits is a conffile; its settings are right for its programs.
func TestDebianPackage(t *testing.T) {
	bin, out, root := filepath.Dir(stand.Programs(t).Proxy), t.TempDir(), t.TempDir()
	fast := []string{"DPKG_DEB_COMPRESSOR_TYPE=none"}
	says(t, "", fast, "../deploy/debian/build.sh", bin, "v1.2.3-4-gabc", out)
	packages, err := filepath.Glob(filepath.Join(out, "seraph_1.2.3.4.gabc_*.deb"))
	if err != nil || len(packages) != 1 {
		t.Fatalf("packages %v, %v", packages, err)
	}
	file := packages[0]
	for field, want := range map[string]string{"Package": "seraph", "Version": "1.2.3.4.gabc", "Depends": "systemd"} {
		if got := strings.TrimSpace(says(t, "", nil, "dpkg-deb", "--field", file, field)); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	says(t, "", nil, "dpkg-deb", "--extract", file, root)
	says(t, "", nil, "dpkg-deb", "--control", file, filepath.Join(root, "DEBIAN"))

	conffiles := "/etc/default/seraph-proxy\n/etc/default/seraph-webui\n/etc/seraph/seraph.cfg\n/etc/seraph/webui.toml\n"
	if diff := cmp.Diff(conffiles, says(t, root, nil, "cat", "DEBIAN/conffiles")); diff != "" {
		t.Errorf("conffiles (-want +got):\n%s", diff)
	}
	listing := regexp.MustCompile(`(?m)^(\S+) (\S+) +\d+ \S+ \S+ \.(/\S*)`).FindAllStringSubmatch(says(t, "", nil, "dpkg-deb", "--contents", file), -1)
	modes := map[string]string{}
	for _, entry := range listing {
		modes[entry[3]] = entry[1]
		if entry[2] != "root/root" || strings.ContainsAny(entry[1][5:], "w") {
			t.Errorf("%s is of %s, mode %s", entry[3], entry[2], entry[1])
		}
	}
	for path, mode := range map[string]string{
		"/usr/bin/seraph-proxy": "-rwxr-xr-x", "/usr/bin/seraph-webui": "-rwxr-xr-x", "/usr/bin/seraphctl": "-rwxr-xr-x",
		"/etc/default/seraph-proxy": "-rw-------", "/etc/default/seraph-webui": "-rw-------", "/etc/seraph/seraph.cfg": "-rw-r--r--",
		"/usr/lib/sysusers.d/seraph.conf": "-rw-r--r--", "/usr/lib/tmpfiles.d/seraph.conf": "-rw-r--r--",
		"/usr/share/doc/seraph/copyright": "-rw-r--r--", "/usr/share/doc/seraph/examples/nginx.conf": "-rw-r--r--", "/usr/share/doc/seraph/docs/admin-guide.md": "-rw-r--r--",
	} {
		if modes[path] != mode {
			t.Errorf("%s has mode %q, want %q", path, modes[path], mode)
		}
	}
	says(t, root, nil, "md5sum", "--check", "--quiet", "DEBIAN/md5sums")
	packageUnits(t, root)
	if page := says(t, root, nil, "gzip", "-dc", "usr/share/man/man1/seraphctl.1.gz"); !strings.HasPrefix(page, ".TH SERAPHCTL 1") {
		t.Errorf("the manual page begins with %.80q", page)
	}
	packageScripts(t, root)
	packagePages(t, root)
}

// packagePages: each module's page is there, and where one page names another, or a file of the
// package, it is there.
func packagePages(t *testing.T, root string) {
	doc := filepath.Join(root, "usr/share/doc/seraph")
	modules, err := filepath.Glob("../proxy/internal/modules/*/README.md")
	if err != nil || len(modules) == 0 {
		t.Fatal(modules, err)
	}
	pages := []string{filepath.Join(doc, "README.md")}
	for _, page := range modules {
		pages = append(pages, filepath.Join(doc, "docs/modules", filepath.Base(filepath.Dir(page))+".md"))
	}
	more, err := filepath.Glob(filepath.Join(doc, "docs/*.md"))
	if err != nil || len(more) < 5 {
		t.Fatal(more, err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+\.(?:md|cfg|toml|conf))(?:#[^)]*)?\)`)
	source, linked := regexp.MustCompile(`proxy/internal/modules/\w`), 0
	for _, page := range append(pages, more...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
		}
		if source.Match(text) {
			t.Errorf("%s sends its reader into the source", page)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join(filepath.Dir(page), m[1])
			if filepath.IsAbs(m[1]) {
				target = filepath.Join(root, m[1])
			}
			if _, err := os.Stat(target); err != nil && m[1] != "CONTRIBUTING.md" {
				t.Errorf("%s: %s leads nowhere", page, m[1])
			}
			if strings.Contains(target, "docs/modules/") {
				linked++
			}
		}
	}
	if linked < len(modules) {
		t.Errorf("%d links to the pages of %d modules", linked, len(modules))
	}
}

// packageUnits: what a unit starts is there, with options that are set and a file that is right.
func packageUnits(t *testing.T, root string) {
	for _, name := range []string{"seraph-proxy", "seraph-webui"} {
		unit := says(t, root, nil, "cat", "usr/lib/systemd/system/"+name+".service")
		start := regexp.MustCompile(`(?m)^ExecStart=(\S+) \$(\w+)$`).FindStringSubmatch(unit)
		if start == nil {
			t.Errorf("%s has no ExecStart", name)
			continue
		}
		if _, err := os.Stat(filepath.Join(root, start[1])); err != nil {
			t.Error(err)
		}
		if !strings.Contains(unit, "EnvironmentFile=-/etc/default/"+name+"\n") {
			t.Errorf("%s does not read its options", name)
		}
		options := regexp.MustCompile(`(?m)^` + start[2] + `="-\S+ (/\S+)"$`).FindStringSubmatch(says(t, root, nil, "cat", "etc/default/"+name))
		if options == nil {
			t.Errorf("the options of %s are not set", name)
			continue
		}
		if _, err := os.Stat(filepath.Join(root, options[1])); err != nil {
			t.Error(err)
		}
	}
	says(t, root, nil, "usr/bin/seraph-proxy", "-c", "-f", "etc/seraph/seraph.cfg")
}

// packageScripts runs what dpkg would run, with programs that only say that they were called.
func packageScripts(t *testing.T, root string) {
	stubs := t.TempDir()
	for _, name := range []string{"systemd-sysusers", "systemd-tmpfiles", "systemctl", "chown", "chmod"} {
		if err := os.WriteFile(filepath.Join(stubs, name), []byte("#!/bin/sh\necho \"$(basename \"$0\") $*\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := []string{"PATH=" + stubs + ":/usr/bin:/bin"}
	for _, c := range []struct {
		args  []string
		wants []string
	}{
		{[]string{"DEBIAN/postinst", "configure", ""}, []string{"systemd-sysusers seraph.conf\nchown root:seraph /etc/seraph\nchmod 0750 /etc/seraph\nsystemd-tmpfiles --create seraph.conf\n", "enable --now"}},
		{[]string{"DEBIAN/postinst", "configure", "1.0"}, []string{"systemd-sysusers seraph.conf\n", "those of 1.0 still", "seraphctl db migrate"}},
		{[]string{"DEBIAN/postinst", "abort-upgrade"}, nil},
		{[]string{"DEBIAN/prerm", "upgrade", "2.0"}, nil},
	} {
		said := says(t, root, path, "sh", append([]string{"-eu"}, c.args...)...)
		for _, want := range c.wants {
			if !strings.Contains(said, want) {
				t.Errorf("%v says\n%s\nwithout %q", c.args, said, want)
			}
		}
		if c.wants == nil && said != "" {
			t.Errorf("%v does\n%s", c.args, said)
		}
	}
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		says(t, root, nil, "sh", "-n", "DEBIAN/"+name)
	}
	user := says(t, root, nil, "grep", "^u ", "usr/lib/sysusers.d/seraph.conf")
	if !strings.HasPrefix(user, "u seraph ") {
		t.Errorf("the user is made by %q", user)
	}
}

// TestDebianPackageRefused: without the programs, or arguments, nothing is made.
func TestDebianPackageRefused(t *testing.T) {
	out := t.TempDir()
	for _, args := range [][]string{{t.TempDir(), "1.0", out}, {t.TempDir(), "1.0"}, {}} {
		if said, err := exec.Command("../deploy/debian/build.sh", args...).CombinedOutput(); err == nil || len(said) == 0 {
			t.Errorf("%v: %v\n%s", args, err, said)
		}
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
