package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestCallMeSettings reach the pages, and wrong ones are named.
func TestCallMeSettings(t *testing.T) {
	for text, want := range map[string]string{
		"per_owner = -1":      "call_me.per_owner: -1 is not between 0 and 50",
		"per_source = 51":     "call_me.per_source: 51 is not between 0 and 50",
		"window = \"169h\"":   "call_me.window: 169h0m0s is longer than 168h0m0s",
		"window = \"soon\"":   `"soon" is no duration`,
		"numbers = \"(0800\"": "call_me.numbers: ",
		"per_ownr = 3":        "unknown key call_me.per_ownr",
	} {
		if _, _, err := parseArgs([]string{"--config", write(t, "[call_me]\n"+text)}, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	cfg, _, err := parseArgs([]string{"--config", write(t, "[call_me]\nper_owner = 0\nper_source = 7\nwindow = \"2h\"\nnumbers = \"0800[0-9]+\"")}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	m := Main{Config: cfg, Log: slog.New(slog.DiscardHandler)}
	options, err := m.options()
	if err != nil {
		t.Fatal(err)
	}
	defer options.Ctl.Close()
	rules := options.CallMe
	if rules.On() || rules.PerSource != 7 || rules.Window != 2*time.Hour || !rules.Numbers.MatchString("08001") || rules.Numbers.MatchString("x08001") {
		t.Errorf("%+v", rules)
	}
	if rules, err := defaultCallMe().rules(); err != nil || !rules.On() || rules.Numbers != nil {
		t.Errorf("the defaults: %+v, %v", rules, err)
	}
}
