package main

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// write makes a configuration file.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "webui.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	cfg, _, err := parseArgs(nil, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults(), cfg); diff != "" {
		t.Error(diff)
	}
	if url, err := cfg.databaseURL(); err != nil || url != "sqlite:///var/lib/seraph/seraph.db" {
		t.Errorf("database %s, %v", url, err)
	}
}

func TestFileAndLine(t *testing.T) {
	path := write(t, `
listen = "0.0.0.0:80"
db = "mysql://seraph:pw@localhost:3306/seraph"
ctl = "/tmp/ctl.sock"
default_domain = "Example.ORG"
trusted_proxies = ["10.1.2.3/8", "::1", "192.0.2.1"]
time_zone = "Europe/Prague"
[sessions]
idle = "90m"
`)
	cfg, _, err := parseArgs([]string{"--config", path, "--listen", "127.0.0.1:81"}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.Listen, want.DB, want.Ctl, want.DefaultDomain = "127.0.0.1:81", "mysql://seraph:pw@localhost:3306/seraph", "/tmp/ctl.sock", "example.org"
	want.Proxies, want.TimeZone, want.Sessions.Idle = []string{"10.1.2.3/8", "::1", "192.0.2.1"}, "Europe/Prague", duration(90*time.Minute)
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Error(diff)
	}
	proxies, err := cfg.proxies()
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, p := range proxies {
		have = append(have, p.String())
	}
	if diff := cmp.Diff([]string{"10.0.0.0/8", "::1/128", "192.0.2.1/32"}, have); diff != "" {
		t.Error(diff)
	}
	if cfg.limits().Idle != 90*time.Minute {
		t.Errorf("idle %v", cfg.limits().Idle)
	}
	cfg, _, err = parseArgs([]string{"--config", path, "--state", "/tmp/x"}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if url, _ := cfg.databaseURL(); url != "sqlite:///tmp/x/seraph.db" {
		t.Errorf("--state over the file's db: %s", url)
	}
}

// TestSampleIsRight: deploy/webui.toml is read as it stands, says the defaults,
// and names every key.
func TestSampleIsRight(t *testing.T) {
	const sample = "../../../deploy/webui.toml"
	cfg, _, err := parseArgs([]string{"--config", sample}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults(), cfg); diff != "" {
		t.Error(diff)
	}
	text, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	var open, standard []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# "); ok && strings.Contains(rest, " = ") {
			line = rest
		}
		open = append(open, line)
		if !strings.HasSuffix(line, " # example") {
			standard = append(standard, line)
		}
	}
	cfg, err = readConfig(write(t, strings.Join(standard, "\n")), defaults())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults(), cfg); diff != "" {
		t.Errorf("the sample's lines without \"# example\" are not the defaults (-want +got):\n%s", diff)
	}
	// With the examples in force all but the files of TLS are there.
	cfg, err = readConfig(write(t, strings.Join(open, "\n")), defaults())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"db": cfg.DB, "state": cfg.State, "ctl": cfg.Ctl, "default_domain": cfg.DefaultDomain, "tls_cert": cfg.TLSCert,
		"tls_key": cfg.TLSKey, "time_zone": cfg.TimeZone, "trusted_proxies": strings.Join(cfg.Proxies, " "),
	} {
		if value == "" {
			t.Errorf("the sample does not name %s", name)
		}
	}
	if diff := cmp.Diff(defaults().Sessions, cfg.Sessions); diff != "" {
		t.Errorf("the sample's [sessions] are not the defaults: %s", diff)
	}
	var denied []string
	for _, p := range cfg.Contacts.Deny {
		denied = append(denied, p.String())
	}
	if want := []string{"*.premium.example.net", "0900*@*", "127.0.0.0/8", "::1", `/^sips?:(\+|00)?1?900\d{7}@/`}; !slices.Equal(denied, want) {
		t.Errorf("the sample's example of [contacts] denies %q, want %q", denied, want)
	}
	if diff := cmp.Diff(defaults().Aliases, cfg.Aliases); diff != "" {
		t.Errorf("the sample's [aliases] are not the defaults: %s", diff)
	}
}

func TestWrongSettings(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "listne = \"x\"", "unknown key listne"},
		{"unknown key in a table", "[sessions]\nidel = \"8h\"", "unknown key sessions.idel"},
		{"syntax", "listen = \"a:1\"\nctl = /tmp/x", "webui.toml:2:"},
		{"a number for a text", "listen = 8080", "listen"},
		{"no port", "listen = \"localhost\"", `listen: "localhost" is no address:port`},
		{"no path", "ctl = \"@abstract\"", "ctl: "},
		{"long socket path", "ctl = \"/" + strings.Repeat("x", 200) + "\"", "ctl: "},
		{"certificate alone", "tls_cert = \"/x\"", "tls_cert and tls_key belong together"},
		{"domain", "default_domain = \"exa mple\"", "default_domain: "},
		{"proxy", "trusted_proxies = [\"everybody\"]", `trusted_proxies: "everybody"`},
		{"zone", "time_zone = \"Middle/Earth\"", `time_zone: "Middle/Earth"`},
		{"duration", "[sessions]\nidle = \"soon\"", `"soon" is no duration`},
		{"negative limit", "[aliases]\nlimit = -1", "aliases.limit: -1 is not between 0 and 100"},
		{"freed days", "[aliases]\nfreed_days = -1", "aliases.freed_days: -1 is not between 0 and 3650"},
		{"high limit", "[aliases]\nlimit = 101", "aliases.limit: 101 is not between 0 and 100"},
		{"pattern", "[aliases]\npattern = \"[a-\"", "aliases.pattern: "},
		{"a contact pattern", "[contacts]\n# deny:\ndeny = [\"*.example.net\", \"/[a/\"]", `webui.toml:3: "/[a/" is no pattern for contacts: error parsing regexp: missing closing ]`},
		{"an empty contact pattern", "[contacts]\ndeny = [\"\"]", `webui.toml:2: "" is no pattern for contacts: it is empty`},
		{"a call rule pattern", "[rules]\ndeny = [\"/[a/\"]", `webui.toml:2: "/[a/" is no pattern for contacts: error parsing regexp: missing closing ]`},
		{"no call rules", "[rules]\nlimit = 0", "rules.limit: 0 is not from 1 to 100"},
		{"more call rules than there can be", "[rules]\nlimit = 101", "rules.limit: 101 is not from 1 to 100"},
		{"one contact pattern, no list", "[contacts]\ndeny = \"*\"", "contacts.deny"},
		{"short duration", "[sessions]\nidle = \"5s\"", `"5s" is no duration of a minute or more`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := parseArgs([]string{"--config", write(t, c.text)}, new(bytes.Buffer))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestAliasPatternIsForTheWholeName: and an alternative in it does not change that.
func TestAliasPatternIsForTheWholeName(t *testing.T) {
	rules, err := Aliases{Limit: 1, Pattern: "[a-z]+|[0-9]{3}", Reserved: []string{"ROOT"}}.rules()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"alice": true, "555": true, "alice1": false, "5555": false, "x555": false, "a\nb": false, "": false} {
		if got := rules.Pattern.MatchString(name); got != want {
			t.Errorf("%q fits: %v, want %v", name, got, want)
		}
	}
	if diff := cmp.Diff([]string{"root"}, rules.Reserved); diff != "" {
		t.Error(diff)
	}
}

// TestSyntaxErrorShowsNoPassword: the line that is wrong may hold one.
func TestSyntaxErrorShowsNoPassword(t *testing.T) {
	_, _, err := parseArgs([]string{"--config", write(t, "db = \"mysql://seraph:hush-hush@localhost/seraph\nlisten = 1")}, new(bytes.Buffer))
	if err == nil || strings.Contains(err.Error(), "hush-hush") {
		t.Errorf("error %v", err)
	}
}

func TestWrongLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--no-such"}, "no-such"},
		{[]string{"start"}, `unexpected argument "start"`},
		{[]string{"--config", "/no/such/file"}, "/no/such/file"},
		{[]string{"--listen", "8080"}, "listen: "},
	} {
		var errs bytes.Buffer
		if code := run(t.Context(), c.args, new(bytes.Buffer), &errs); code != 2 || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%v: code %d, %s", c.args, code, &errs)
		}
	}
	if _, _, err := parseArgs([]string{"--help"}, new(bytes.Buffer)); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"--version"}, &out, new(bytes.Buffer)); code != 0 || out.String() != "seraph-webui dev\n" {
		t.Errorf("--version: code %d, %q", code, &out)
	}
	out.Reset()
	if code := run(t.Context(), []string{"--routes"}, &out, new(bytes.Buffer)); code != 0 {
		t.Errorf("--routes: code %d", code)
	}
	for _, line := range []string{"GET /healthz anyone bare", "GET /user/phone-book/:id signed-in page", "POST /user/sign-in anyone page", "GET /user/events signed-in stream", "GET /admin signed-in page"} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("--routes lacks %q", line)
		}
	}
}

// TestRulesReachThePortal: what the file says of aliases and contacts is what the pages go by.
func TestRulesReachThePortal(t *testing.T) {
	cfg, _, err := parseArgs([]string{"--config", write(t, "[aliases]\nlimit = 7\n[rules]\nlimit = 9\nforeign_group = \"int\"\ndeny = [\"0900*@*\"]\n[contacts]\ndeny = [\n  \"*.example.net\",\n  '/^sip:\\d+@/',\n]")}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	m := Main{Config: cfg, Log: slog.New(slog.DiscardHandler)}
	options, err := m.options()
	if err != nil {
		t.Fatal(err)
	}
	defer options.Ctl.Close()
	if l := options.RuleLimits; l.Most != 9 || l.ForeignGroup != "int" || len(l.Deny) != 1 || l.Deny[0].String() != "0900*@*" {
		t.Errorf("the limits of call rules are %+v", l)
	}
	if options.AliasRules.Limit != 7 {
		t.Errorf("%d aliases, want 7", options.AliasRules.Limit)
	}
	for contact, want := range map[string]bool{"sip:x@gw.example.net": true, "sip:0900@gw.example.org": true, "sip:x@gw.example.org": false} {
		if got := options.ContactRules.Denies(contact); got != want {
			t.Errorf("%s is denied: %v, want %v", contact, got, want)
		}
	}
}
