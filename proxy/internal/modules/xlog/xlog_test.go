package xlog_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/xlog"
)

// logged runs xlog on a message and returns the line without its time.
func logged(t *testing.T, least slog.Level, ctx *module.Ctx, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	m := xlog.New(xlog.Config{Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: least,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))})
	if got := moduletest.Compile(t, m, "xlog", args...)(ctx); got != module.True {
		t.Errorf("xlog(%q) returned %d", args, got)
	}
	return out.String()
}

func request(t *testing.T) *module.Ctx {
	t.Helper()
	r := moduletest.New(t, &moduletest.Script{})
	c := moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org:5070;x=y", "User-Agent: Phone 1", "X-Long: "+strings.Repeat("z", 5000), "s: Hello"))
	c.From = r.Flow("udp:192.0.2.7:40001")
	return c
}

func TestVariables(t *testing.T) {
	c := request(t)
	for text, want := range map[string]string{
		"plain":                         "plain",
		"$rm $ru":                       "INVITE sip:bob@example.org:5070;x=y",
		"$rU at $rd":                    "bob at example.org",
		"$fu $fU $fd $ft":               "sip:alice@example.org alice example.org at",
		"$tu $tU $td $tt":               "sip:bob@example.org bob example.org <null>",
		"$si:$sp over $pr":              "192.0.2.7:40001 over udp",
		"$ci $cs":                       "call-1 1",
		"$ua":                           "Phone 1",
		"$rs $rr":                       "<null> <null>",
		"$hdr(Subject) $hdr(X-None)":    "Hello <null>",
		"$(rU)s $$5 $(hdr(User-Agent))": "bobs $5 Phone 1",
		"5 $ $5":                        "5 $ $5",
		"%rm %ruX 100%% 5% %":           "INVITE sip:bob@example.org:5070;x=yX 100% 5% %",
	} {
		if got := logged(t, slog.LevelInfo, c, text+"\n"); !strings.Contains(got, "msg="+quoted(want)+" call_id=call-1\n") || !strings.HasPrefix(got, "level=INFO ") {
			t.Errorf("xlog(%q): %swant %s", text, got, want)
		}
	}
	if err := c.SetURI([]byte("sip:carol@example.net")); err != nil {
		t.Fatal(err)
	}
	if got := logged(t, slog.LevelInfo, c, "$rU"); !strings.Contains(got, "msg=carol ") {
		t.Errorf("$rU is not that of the present Request-URI: %s", got)
	}
	reply := moduletest.Message(t, "SIP/2.0 486 Busy Here\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: call-2\nCSeq: 7 INVITE\n")
	if got := logged(t, slog.LevelInfo, reply, "$rm $rs $rr $si"); !strings.Contains(got, `msg="INVITE 486 Busy Here <null>" call_id=call-2`) {
		t.Error(got)
	}
}

func quoted(s string) string {
	if strings.ContainsAny(s, " =$") {
		return `"` + s + `"`
	}
	return s
}

func TestLevels(t *testing.T) {
	for name, want := range map[string]string{"L_ALERT": "ERROR", "L_CRIT": "ERROR", "L_ERR": "ERROR", "L_WARN": "WARN", "L_NOTICE": "INFO", "L_INFO": "INFO", "L_DBG": "DEBUG"} {
		if got := logged(t, slog.LevelDebug, request(t), name, "$rm"); !strings.HasPrefix(got, "level="+want+" msg=INVITE ") {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, want := range map[string]string{"xalert": "ERROR", "xcrit": "ERROR", "xerr": "ERROR", "xwarn": "WARN", "xnotice": "INFO", "xinfo": "INFO", "xdbg": "DEBUG"} {
		var out bytes.Buffer
		m := xlog.New(xlog.Config{Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if moduletest.Compile(t, m, name, "$rm")(request(t)); !strings.Contains(out.String(), "level="+want+" msg=INVITE call_id=call-1") {
			t.Errorf("%s: %s", name, out.String())
		}
		if got := moduletest.Refused(t, m, name, "$nowhere"); !strings.HasPrefix(got, "there is no variable $nowhere") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := logged(t, slog.LevelWarn, request(t), "L_INFO", "$rm"); got != "" {
		t.Errorf("logged below the level: %s", got)
	}
}

// TestHostileText: what a stranger sends stays in one line of bounded length.
func TestHostileText(t *testing.T) {
	got := logged(t, slog.LevelInfo, request(t), "$hdr(X-Long)$hdr(X-Long)")
	if strings.Count(got, "\n") != 1 || len(got) > 2200 || !strings.Contains(got, "z… call_id") {
		t.Errorf("%d bytes, %d lines", len(got), strings.Count(got, "\n"))
	}
	folded := moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y", "Subject: a\n level=ERROR msg=\xff"))
	if got := logged(t, slog.LevelInfo, folded, "$hdr(Subject)"); strings.Count(got, "\n") != 1 || strings.Contains(got, "\xff") {
		t.Errorf("%q", got)
	}
}

func TestBadArguments(t *testing.T) {
	m := xlog.New(xlog.Config{})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"INFO", "x"}, `"INFO" is none of the levels L_ALERT, L_CRIT, L_ERR, L_WARN, L_NOTICE, L_INFO and L_DBG`},
		{[]string{"$nowhere"}, "there is no variable $nowhere; a dollar sign itself is $$"},
		{[]string{"$T_replycode"}, "there is no variable $T_replycode; did you mean $T_reply_code?"},
		{[]string{"$(ru"}, "$(ru is not closed"},
		{[]string{"$(ru{uri.user})"}, "transformations and indexes are not supported: write $ru"},
		{[]string{"$hdr"}, "$hdr wants the name of a header field: $hdr(Subject)"},
		{[]string{"$hdr()"}, "$hdr wants the name of a header field: $hdr(Subject)"},
		{[]string{"$hdr(Subject"}, "$hdr wants the name of a header field: $hdr(Subject)"},
		{[]string{"%mb"}, "%mb is not supported; a percent sign itself is %%"},
		{[]string{"%{Subject}"}, "%{ is not supported; a header field is $hdr(Subject)"},
	} {
		if got := moduletest.Refused(t, m, "xlog", c.args...); !strings.HasPrefix(got, c.want) {
			t.Errorf("xlog(%q): %s, want %s", c.args, got, c.want)
		}
	}
}

func FuzzFormat(f *testing.F) {
	m := xlog.New(xlog.Config{Log: slog.New(slog.NewTextHandler(new(bytes.Buffer), nil))})
	for _, s := range []string{"$ru $(fU) $hdr(To) $$", "$", "$(", "$((ru))", "$hdr((", "%ru %", "$var(x) $avp(y)"} {
		f.Add(s)
	}
	fn := m.Funcs()[0]
	f.Fuzz(func(t *testing.T, text string) {
		call, err := fn.Compile([]module.Arg{{Kind: module.String, Str: text, Scope: &module.Scope{}}})
		if err != nil {
			return
		}
		if got := call(moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y"))); got != module.True {
			t.Errorf("%q: %d", text, got)
		}
	})
}
