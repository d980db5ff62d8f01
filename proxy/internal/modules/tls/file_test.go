package tlsmod

import (
	"context"
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

func TestFaultsOfTheFile(t *testing.T) {
	f := newFolder(t)
	f.issue("a", "example.org")
	for text, want := range map[string]string{
		"certificate = a.crt":          "line 1: \"certificate = a.crt\" stands before the first section",
		"[server:default]\n\nnonsense": `line 3: "nonsense" is neither`,
		"[server]\n":                   "line 1: \"[server]\" is no section",
		"[server:default\n":            "is no section",
		"[peer:default]\n":             "is no section",
		"[server:example.org:5061]\n":  "is no section",
		"[server:any:99999]\n":         "is no section",
		"[server:default]\n[client:default]\n[server:default]\n":   "line 3: the default section is there twice",
		"[server:default]\ncrl_url = x\n":                          `line 2: "crl_url" is not supported`,
		"[server:default]\ncrl =\n":                                `line 2: crl is the path of a file`,
		"[server:default]\ntls_method = SSLv3\n":                   `line 2: tls_method "SSLv3"`,
		"[server:default]\nverify_certificate = perhaps\n":         "is yes or no",
		"[server:default]\nverify_depth = -1\n":                    "verify_depth",
		"[server:default]\ncertificate =\n":                        "certificate is the path of a file",
		"[server:default]\ncertificate = a.crt\n":                  "certificate and private_key go together",
		"[server:default]\ncertificate=a.crt\nprivate_key=b.key":   "section at line 1",
		"[server:default]\nca_list=a.key\n":                        "no certificate in it",
		"[server:default]\nca_list=none.crt\n":                     "none.crt",
		"[server:default]\nverify_certificate=1\n":                 "verify_certificate needs a ca_list",
		"\n[client:192.0.2.1:5061]\ncertificate=a.crt\n":           "section at line 2",
		"[server:default]\ncertificate=a.crt\nprivate_key=tls.cfg": "a.crt",
	} {
		if err := f.config(text).Init(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", text, err, want)
		}
	}
	m := New(Config{})
	m.path = f.path("absent.cfg")
	if err := m.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "absent.cfg") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestFaultsOfParameters(t *testing.T) {
	m := New(Config{})
	for _, wrong := range [][2]string{{"config", ""}, {"certificate", ""}, {"private_key", ""}, {"ca_list", ""}, {"tls_method", "SSLv23"},
		{"verify_certificate", "2"}, {"require_certificate", "-1"}, {"verify_depth", "33"}, {"handshake_timeout", "0"}, {"handshake_timeout", "121"}} {
		if moduletest.Set(t, m, wrong[0], wrong[1]) == nil {
			t.Errorf("%s %q is taken", wrong[0], wrong[1])
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte("[server:default]\ncertificate = \"a # b\" # c\n[client:[2001:db8::1]:5061]\nserver_name=x\n"))
	f.Add([]byte("[server:any:1]\nmethod=TLSv1.2\n[client:192.0.2.1]\nverify_depth=1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseFile(text, "/etc")
		if err != nil {
			return
		}
		for _, client := range []bool{false, true} {
			if all, err := withDefault(list, client, &section{}); err == nil && (len(all) == 0 || !all[len(all)-1].def) {
				t.Fatalf("no default section in %q", text)
			}
		}
	})
}
