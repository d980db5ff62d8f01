package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestMan: the manual page has every command with its options, and nothing in it is
// taken for a request of roff by mistake.
func TestMan(t *testing.T) {
	d := emptyDesk(t)
	page := d.must("man")
	for _, text := range []string{
		".TH SERAPHCTL 1", ".SH NAME\nseraphctl \\- operate a Seraph SIP router\n", ".SS \"ul add USER[@DOMAIN] CONTACT\"", ".SS \"tm stats\"",
		".B \\-\\-expires LIFE\n", ".B \\-o, \\-\\-output FORM\n", "Exit codes: 0 done",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q:\n%s", text, page)
		}
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "'") {
			t.Errorf("a line begins with a quote: %q", line)
		}
		request, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(request, ".") && !strings.Contains(".TH .SH .SS .B .TP .PP", request) {
			t.Errorf("a line is a request by mistake: %q", line)
		}
	}
	d.refuses(exitUsage, []string{"man", "ul"}, "man takes no arguments")
	if groff, err := exec.LookPath("groff"); err == nil {
		cmd := exec.Command(groff, "-man", "-Tutf8", "-ww")
		cmd.Stdin = strings.NewReader(page)
		var errs strings.Builder
		cmd.Stderr = &errs
		if err := cmd.Run(); err != nil || errs.Len() > 0 {
			t.Errorf("groff: %v\n%s", err, errs.String())
		}
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{".so /etc/passwd": `\&.so /etc/passwd`, "'x": `\&'x`, `a\fBb`: `a\efBb`, "a\n  .b-c": "a\n\\&.b\\-c", "ä…": `\[u00E4]\[u2026]`} {
		if got := roff(text); got != want {
			t.Errorf("roff(%q) = %q, want %q", text, got, want)
		}
	}
}
