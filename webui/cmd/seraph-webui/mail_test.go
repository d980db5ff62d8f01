package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seraph/webui/internal/mailer"
)

// file makes a file and gives its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	goodURL  = "public_url = \"https://phone.example.org/\"\n"
	goodMail = "[mail]\nhost = \"mail.example.org\"\nfrom = \"Seraph <phone@example.org>\"\n"
)

func TestMailSettings(t *testing.T) {
	password, terms := file(t, "hush-hush\n"), file(t, "Be kind.")
	text := goodURL + goodMail + fmt.Sprintf("user = \"phone\"\npassword_file = %q\nport = 465\ntls = \"tls\"\nmissed_at = \"18:30\"\n", password) +
		fmt.Sprintf("[signup]\nenabled = true\napprove = true\ndomain = \"Example.ORG\"\nterms = %q\nlimit = 7\n", terms)
	cfg, _, err := parseArgs([]string{"--config", write(t, text)}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	desk, err := cfg.desk()
	if err != nil {
		t.Fatal(err)
	}
	smtp, ok := desk.Sender.(*mailer.SMTP)
	if !ok || smtp.Host != "mail.example.org" || smtp.Port != 465 || smtp.TLS != mailer.ImplicitTLS || smtp.User != "phone" || smtp.Password != "hush-hush" {
		t.Errorf("sender %+v", desk.Sender)
	}
	s := desk.SignUp
	if desk.URL != "https://phone.example.org" || desk.MissedAt != 18*time.Hour+30*time.Minute || !desk.SignUpOn() ||
		!s.Approve || s.Domain != "example.org" || s.TermsText != "Be kind." || s.Most != 7 || !s.Pattern.MatchString("alice") || len(s.Reserved) == 0 {
		t.Errorf("settings %+v", desk)
	}
	off, _, err := parseArgs(nil, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if desk, err := off.desk(); err != nil || desk.On() || desk.SignUpOn() {
		t.Errorf("without settings: %+v, %v", desk, err)
	}
}

func TestWrongMailSettings(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"accounts without mail", "[signup]\nenabled = true", "signup.enabled: new accounts are confirmed by mail: set mail.host"},
		{"no URL", goodMail, "public_url is missing"},
		{"URL with a path", "public_url = \"https://x.org/portal\"\n" + goodMail, "public_url: "},
		{"URL of another kind", "public_url = \"ftp://x.org\"\n" + goodMail, "public_url: "},
		{"no sender", goodURL + "[mail]\nhost = \"x\"\n", "mail.from: \"\" is no mail address"},
		{"injected sender", goodURL + "[mail]\nhost = \"x\"\nfrom = \"a@example.org\\r\\nBcc: b@example.org\"\n", "mail.from: "},
		{"port", goodURL + goodMail + "port = 70000\n", "mail.port: 70000"},
		{"TLS", goodURL + goodMail + "tls = \"maybe\"\n", "mail.tls: \"maybe\""},
		{"user alone", goodURL + goodMail + "user = \"x\"\n", "mail.user and mail.password_file belong together"},
		{"password file missing", goodURL + goodMail + "user = \"x\"\npassword_file = \"/no/such\"\n", "mail.password_file: "},
		{"password file empty", goodURL + goodMail + fmt.Sprintf("user = \"x\"\npassword_file = %q\n", file(t, "\n")), "is empty"},
		{"password file large", goodURL + goodMail + fmt.Sprintf("user = \"x\"\npassword_file = %q\n", file(t, strings.Repeat("x", 2000))), "is larger than"},
		{"password in the clear", goodURL + goodMail + fmt.Sprintf("tls = \"none\"\nuser = \"x\"\npassword_file = %q\n", file(t, "hush-hush")), "mail.tls: a password is not sent without TLS"},
		{"certificates", goodURL + goodMail + fmt.Sprintf("ca_file = %q\n", file(t, "none")), "mail.ca_file: no certificate"},
		{"certificates missing", goodURL + goodMail + "ca_file = \"/no/such\"\n", "mail.ca_file: "},
		{"time", goodURL + goodMail + "missed_at = \"7 o'clock\"\n", "mail.missed_at: "},
		{"no domain", goodURL + goodMail + "[signup]\nenabled = true\n", "signup.domain is missing"},
		{"bad domain", goodURL + goodMail + "[signup]\nenabled = true\ndomain = \"exa mple\"\n", "signup.domain: "},
		{"limit", goodURL + goodMail + "[signup]\nlimit = 0\n", "signup.limit: 0 is not between 1"},
		{"terms missing", goodURL + goodMail + "[signup]\nenabled = true\ndomain = \"x.org\"\nterms = \"/no/such\"\n", "signup.terms: "},
		{"terms empty", goodURL + goodMail + fmt.Sprintf("[signup]\nenabled = true\ndomain = \"x.org\"\nterms = %q\n", file(t, " ")), "holds no text"},
		{"terms nowhere", goodURL + goodMail + "[signup]\nenabled = true\ndomain = \"x.org\"\nterms = \"https://\"\n", "signup.terms: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := parseArgs([]string{"--config", write(t, c.text)}, new(bytes.Buffer))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush-hush") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}
