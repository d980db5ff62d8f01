package acc_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
)

// TestLogLevel: the lines of the flags have the level that the script asks for, SER's numbers.
func TestLogLevel(t *testing.T) {
	flagged := func(c *module.Ctx) {
		c.Flags = 1 << 3
		refusing(486)(c)
	}
	for level, want := range map[string]string{"": "INFO", "-1": "ERROR", "-5": "ERROR", "0": "WARN", "1": "INFO", "2": "INFO", "3": ""} {
		params := []string{"log_missed_flag 3"}
		if level != "" {
			params = append(params, "log_level "+level)
		}
		b := newBench(t, flagged, params...)
		b.call("sip:bob@example.org")
		got := b.log.String()
		if line := "level=" + want + ` msg="missed call" callee=bob@example.org status=486`; (want != "") != strings.Contains(got, line) || want == "" && got != "" {
			t.Errorf("log_level %q: the log says %q", level, got)
		}
	}
}
