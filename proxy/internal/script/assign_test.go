package script

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestConstantsRefused: a constant that can never stand in a variable of the message is refused with the
// script, at its place, and not left out of each message.
func TestConstantsRefused(t *testing.T) {
	const host, uri, next, port, user = "$rd takes a host", "$ru takes a whole URI", "$du takes a whole SIP URI", "$rp takes a port", "$rU takes the user part"
	for statement, want := range map[string]string{
		`$du = "1.2.3.4:5060"`: next, `$du = "example.org"`: next, `$du = 5`: next, `$du = "tel:110"`: next, `$du = "sip:h:99999"`: next,
		`$rd = "x.org;transport=tcp"`: host, `$rd = ""`: host, `$rd = $null`: host, `$rd = "a@b"`: host, `$rd = "h:99999"`: host, `$rd = "h:"`: host, `$rd = "::1"`: host,
		`$ru = "bob@1.2.3.4"`: uri, `$ru = "1.2.3.4:5060"`: uri, `$ru = "localhost:5060"`: uri, `$ru = ""`: uri, `$ru = $null`: uri, `$ru = 5`: uri, `$ru = "sip:"`: uri,
		`$ru = "bob@" + "example.org"`: uri, `$ru = $sel(cfg_get.gw.host)`: uri, `$ru = @cfg_get.gw.host`: uri,
		`$ru = "gw1:5060;transport=tcp"`: uri, `$ru = "gw1:5060?X=y"`: uri, `$ru = "gw1:65535;lr?X=y"`: uri, `$ru = "bob@gw1:5060;lr"`: uri,
		`$rp = "abc"`: port, `$rp = 70000`: port, `$rp = 0`: port, `$rp = -1`: port, `$rp = " 5060"`: port,
		`$rU = "a@b"`: user, `$rU = "a b"`: user, `$rU = "a:b"`: user,
	} {
		_, problems := Compile("set.cfg", []byte("gw.host = \"192.0.2.1\"\nroute {\n  "+statement+";\n}"), Options{})
		at := fmt.Sprintf("set.cfg:3:%d: ", strings.Index(statement, "=")+5)
		if got := texts(problems); len(problems) != 1 || !strings.HasPrefix(got, at+want) {
			t.Errorf("%s: want %s%s, got\n%s", statement, at, want, got)
		}
	}
	for _, statement := range []string{
		`$rd = "127.0.0.1:5080"`, `$rd = 5`, `$du = ""`, `$du = $null`, `$rp = ""`, `$rp = "5080"`, `$rU = ""`, `$rU = 110`, `$ru = "tel:110"`, `$ru = "urn:service:sos"`,
		`$ru = "sip:gw1:5060;transport=tcp"`, `$ru = "tel:110;phone-context=x"`, `$ru = "urn:5060x;y"`, `$ru = "sip:" + $sel(cfg_get.gw.host)`, `$var(x) = "a b"`, `$avp(x) = "a b"`, `$ru = $var(x)`, `$ru = "sip:" + $rU`,
	} {
		if _, problems := Compile("set.cfg", []byte("gw.host = \"192.0.2.1\"\nroute { "+statement+"; }"), Options{}); len(problems) > 0 {
			t.Errorf("%s: %s", statement, texts(problems))
		}
	}
}

// TestSettingThatIsOff: a setting of the script's own that is empty, or 0, as long as what it is for is
// off makes no constant: its use is guarded, or else the run tells of it.
func TestSettingThatIsOff(t *testing.T) {
	const off = "asterisk.bindip = \"\"\nasterisk.bindport = 5060\nasterisk.none = 0\n"
	for _, statement := range []string{
		`if (!strempty($sel(cfg_get.asterisk.bindip))) { $du = "sip:" + $sel(cfg_get.asterisk.bindip) + ":" + $sel(cfg_get.asterisk.bindport); }`,
		`if (@cfg_get.asterisk.bindip != "") { $rd = @cfg_get.asterisk.bindip; }`, `$ru = $sel(cfg_get.asterisk.bindip);`, `$rp = $sel(cfg_get.asterisk.none);`,
		`$ru = "sip:" + (@cfg_get.asterisk.bindip + "");`,
	} {
		if _, problems := Compile("off.cfg", []byte(off+"route { "+statement+" }"), Options{}); len(problems) > 0 {
			t.Errorf("%s: %s", statement, texts(problems))
		}
	}
	for _, statement := range []string{`$rp = "x" + $sel(cfg_get.asterisk.bindport);`, `$du = $sel(cfg_get.asterisk.bindport);`, `$ru = $sel(cfg_get.asterisk.bindop);`, `$rd = "";`} {
		if _, problems := Compile("off.cfg", []byte(off+"route { "+statement+" }"), Options{}); len(problems) != 1 {
			t.Errorf("%s: %s", statement, texts(problems))
		}
	}
	var b bytes.Buffer
	p, notes := toldBy(t, "loadmodule \"note.so\"\n"+off+`route { $du = "sip:" + $sel(cfg_get.asterisk.bindip); note("on $du"); }`, slog.New(slog.NewTextHandler(&b, nil)))
	p.prog.Request(p.message(invite, stranger))
	if got := strings.Join(*notes, " "); got != "on <null>" || !strings.Contains(b.String(), `msg="value refused" variable=$du value=sip: `) {
		t.Errorf("notes %q, the log\n%s", got, b.String())
	}
}

// TestRefusedValueIsTold: what a message has brought and cannot be set stands in the log as a warning, with
// its place and a bounded piece of it, and only so often.
func TestRefusedValueIsTold(t *testing.T) {
	var b bytes.Buffer
	p, _ := toldBy(t, loads+"loadmodule \"note.so\"\nroute {\n\t$du = $hdr(X-Next);\n\t$du = $fn;\n}", slog.New(slog.NewTextHandler(&b, nil)))
	text := strings.Replace(invite, "Call-ID", "X-Next: 192.0.2.1:5060\r\nCall-ID", 1)
	text = strings.Replace(text, "From: ", "From: \""+strings.Repeat("n", 1000)+"\" ", 1)
	for range refusedMost + 5 {
		p.prog.Request(p.message(text, stranger))
	}
	const want = `level=WARN msg="value refused" variable=$du value=192.0.2.1:5060 file=note.cfg line=14 call_id=call-1`
	if got := b.String(); strings.Count(got, want) != refusedMost || strings.Count(got, "\n") != 2*refusedMost || len(got) > 2*refusedMost*300 {
		t.Errorf("want %d of %s, got\n%s", refusedMost, want, got)
	}
}
