package aor_test

import (
	"errors"
	"strings"
	"testing"

	"seraph/sql/aor"
)

// badMails are hostile texts for a mail address.
var badMails = []string{
	"", "alice", "@example.org", "alice@", "a b@example.org", "Alice <alice@example.org>", `"a b"@example.org`, "alice@example.org, eve@example.net",
	"alice@example.org,eve@example.net", "alice@[127.0.0.1]", "alice@example.org (hello)", "žofie@example.org", "alice@exämple.org", "alice@host",
	"a@b@c.org", "alice@example.org>", "<alice@example.org>", "a%b@example.org", "a..b@example.org", "-@.org", "a@x..org", "a@example.org ", "a\t@example.org",
	"a@example.org\r\nBcc: eve@evil.example", "a@example.org\nX: y", "a@example.org\x00", "a@exam\u2028ple.org", "a!b@example.org", "a;b@example.org",
	strings.Repeat("a", 65) + "@example.org", "a@" + strings.Repeat("a.", 200) + "org",
}

// TestMail: one rule for whatever asks for a mail address.
func TestMail(t *testing.T) {
	for text, want := range map[string]string{
		"alice@example.org": "alice@example.org", "Alice.B+x@Example.ORG": "Alice.B+x@example.org", "a@localhost": "a@localhost",
	} {
		if got, err := aor.Mail(text); err != nil || got != want {
			t.Errorf("Mail(%q) = %q, %v", text, got, err)
		}
	}
	for _, bad := range badMails {
		if got, err := aor.Mail(bad); !errors.Is(err, aor.ErrMail) || got != "" {
			t.Errorf("Mail(%q) = %q, %v; want ErrMail", bad, got, err)
		}
	}
}

// FuzzMail: what Mail takes, no header or command is broken by.
func FuzzMail(f *testing.F) {
	for _, seed := range append(badMails, "alice@example.org", `"a"@b.org`, "a@b.c, d@e.f") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := aor.Mail(text)
		if err != nil {
			return
		}
		if strings.ContainsAny(got, "\r\n\x00<> ,;\"") || strings.Count(got, "@") != 1 {
			t.Errorf("Mail(%q) = %q", text, got)
		}
		if again, err := aor.Mail(got); err != nil || again != got {
			t.Errorf("Mail(%q) = %q, %v", got, again, err)
		}
	})
}
