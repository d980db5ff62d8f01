package uac_test

import (
	"log/slog"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/rr"
	"seraph/proxy/internal/modules/textops"
	"seraph/proxy/internal/modules/tm"
	"seraph/proxy/internal/modules/uac"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

const (
	written = `"Alice" <sip:alice@example.org>`   // From, by the caller
	dialled = `<sip:bob@example.org>`             // To, by the same
	shown   = `<sip:anonymous@anonymous.invalid>` // From, to the callee
	reached = `"Line" <sip:+49301@pstn.example>`  // To, to the same
	contact = "sip:+49301@198.51.100.9"
)

// renaming is a router whose script gives calls other addresses, and what runs in requests
// within a dialog before they are sent on.
func renaming(t testing.TB, m *uac.Module, within ...string) *moduletest.Router {
	t.Helper()
	record, loose := moduletest.Compile(t, rr.New(rr.Config{}), "record_route"), moduletest.Compile(t, rr.New(rr.Config{}), "loose_route")
	from := moduletest.Compile(t, m, "uac_replace_from", "", "sip:anonymous@anonymous.invalid")
	to := moduletest.Compile(t, m, "uac_replace_to", "Line", "sip:+49301@pstn.example")
	send := moduletest.Compile(t, tm.New(tm.Config{}), "t_relay")
	var calls []module.Call
	for _, name := range within {
		calls = append(calls, moduletest.Compile(t, m, name))
	}
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	return moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		if loose(c) == module.True {
			for _, call := range calls {
				if call(c) != module.True || call(c) == module.True {
					t.Errorf("%v: not restored once", within)
				}
			}
			if c.Msg.Method == sip.INVITE {
				record(c)
			}
			send(c)
			return
		}
		if got, _ := c.Msg.To(); got.Tag != nil {
			_ = c.ReplyStateless(&sip.Reply{Status: 481})
			return
		}
		record(c)
		if from(c) != module.True || to(c) != module.True {
			_ = c.ReplyStateless(&sip.Reply{Status: 500})
			return
		}
		send(c)
	}}, func(cfg *relay.Config) { cfg.Names = m.Names() })
}

// TestReplaceAfterSubst: the caller's name goes, whatever a substitution has done to its line.
func TestReplaceAfterSubst(t *testing.T) {
	for _, expr := range []string{`/^From:(.*)$/From:\1;x=1/`, `/^(From:.*)$/X-More: 1\r\n\1/`, `/^From: *".*" <sip/\0/`, `/"Alice"/\0/`, `/tag=at/tag=at;y/`} {
		c := moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@198.51.100.9"))
		c.Engine = moduletest.New(t, &moduletest.Script{}).Engine
		if got := moduletest.Compile(t, textops.New(textops.Config{}), "subst", expr)(c); got != module.True {
			t.Errorf("%s returned %d", expr, got)
		}
		if got := moduletest.Compile(t, uac.New(uac.Config{}), "uac_replace_from", "", "sip:anonymous@anonymous.invalid")(c); got != module.True {
			t.Errorf("after %s: %d", expr, got)
		}
		out := moduletest.Headers(c)
		if !strings.Contains(out, "\r\nFrom: "+shown+";tag=at\r\n") || strings.Contains(out, "alice@") || strings.Contains(expr, "X-More") != strings.Contains(out, "\r\nX-More: 1\r\nFrom:") {
			t.Errorf("after %s:\n%s", expr, out)
		}
	}
}

// names are the From and To of a message, without parameters.
func names(p moduletest.Packet) [2]string {
	cut := func(name string) string {
		line := strings.TrimPrefix(header(p.Text, name), name+": ")
		text, _, _ := strings.Cut(line, ">;")
		return strings.TrimSuffix(text, ">") + ">"
	}
	return [2]string{cut("From"), cut("To")}
}

func tagOf(t testing.TB, p moduletest.Packet, name string) string {
	t.Helper()
	_, tag, ok := strings.Cut(header(p.Text, name), ";tag=")
	if !ok {
		t.Errorf("no tag: %s", header(p.Text, name))
	}
	return tag
}

// call sets a call up, and returns the Route that its phones have.
func call(t testing.TB, r *moduletest.Router) (route string) {
	t.Helper()
	invite := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", contact)), "INVITE")
	if got, want := names(invite), [2]string{shown, reached}; got != want {
		t.Errorf("the callee sees %q, want %q", got, want)
	}
	for _, status := range []int{180, 200} {
		out := moduletest.Find(t, r.Receive(gateway, moduletest.Answer(t, invite, status, "Contact: <"+contact+">")), "SIP/2.0 ")
		if got, want := names(out), [2]string{written, dialled}; got != want {
			t.Errorf("%d: the caller sees %q, want %q", status, got, want)
		}
		if tagOf(t, out, "From") != "at" || tagOf(t, out, "To") != "bt" {
			t.Errorf("%d: tags are gone:\n%s", status, out.Text)
		}
	}
	return strings.TrimPrefix(header(invite.Text, "Record-Route"), "Record-Route: ")
}

// byCaller and byCallee are requests within the call, with the addresses that each knows.
func byCaller(method, route string) string {
	return within(method, contact, written+";tag=at", dialled+";tag=bt", route)
}

func byCallee(method, route string) string {
	return within(method, "sip:alice@192.0.2.7", reached+";tag=bt", shown+";tag=at", route)
}

func within(method, uri, from, to, route string) string {
	return method + " " + uri + " SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-" + method + from[1:4] + "\nFrom: " + from + "\nTo: " + to +
		"\nCall-ID: call-1\nCSeq: 2 " + method + "\nRoute: " + route + "\nContent-Length: 0\n"
}

// TestRestoreAuto: whoever compares the whole From (RFC 2543 §6.21) sees one dialog on either side.
func TestRestoreAuto(t *testing.T) {
	r := renaming(t, newModule(t))
	route := call(t, r)
	for _, method := range []string{"ACK", "INFO", "BYE"} {
		sent := moduletest.Find(t, r.Receive(phone, byCaller(method, route)), method)
		if got, want := names(sent), [2]string{shown, reached}; got != want || tagOf(t, sent, "From") != "at" || tagOf(t, sent, "To") != "bt" {
			t.Errorf("%s to the callee bears %q, want %q:\n%s", method, got, want, sent.Text)
		}
		if method == "ACK" {
			continue
		}
		back := moduletest.Find(t, r.Receive(gateway, moduletest.Answer(t, sent, 200)), "SIP/2.0 200")
		if got, want := names(back), [2]string{written, dialled}; got != want {
			t.Errorf("the answer to %s bears %q, want %q", method, got, want)
		}
	}
	sent := moduletest.Find(t, r.Receive(gateway, byCallee("UPDATE", route)), "UPDATE")
	if got, want := names(sent), [2]string{dialled, written}; got != want || tagOf(t, sent, "From") != "bt" || tagOf(t, sent, "To") != "at" {
		t.Errorf("UPDATE to the caller bears %q, want %q:\n%s", got, want, sent.Text)
	}
	back := moduletest.Find(t, r.Receive(phone, moduletest.Answer(t, sent, 488)), "SIP/2.0 488")
	if got, want := names(back), [2]string{reached, shown}; got != want {
		t.Errorf("the answer to it bears %q, want %q", got, want)
	}
}

// TestRestoreRefresh: a re-INVITE from either side gets a Record-Route that leads the same
// way, for phones that take it for a new route set.
func TestRestoreRefresh(t *testing.T) {
	m := newModule(t)
	r := renaming(t, m)
	route := call(t, r)
	invite := moduletest.Find(t, r.Receive(gateway, byCallee("INVITE", route)), "INVITE")
	route = strings.TrimPrefix(header(invite.Text, "Record-Route"), "Record-Route: ")
	sent := moduletest.Find(t, r.Receive(phone, byCaller("BYE", route)), "BYE")
	if got, want := names(sent), [2]string{shown, reached}; got != want {
		t.Errorf("BYE to the callee bears %q, want %q", got, want)
	}
	sent = moduletest.Find(t, r.Receive(gateway, byCallee("BYE", route)), "BYE")
	if got, want := names(sent), [2]string{dialled, written}; got != want {
		t.Errorf("BYE to the caller bears %q, want %q", got, want)
	}
}

// TestRestoreManual: replies are put back, requests when the script says so.
func TestRestoreManual(t *testing.T) {
	r := renaming(t, newModule(t, "restore_mode manual", "rr_from_store_param xf", "rr_to_store_param xt"))
	route := call(t, r)
	if !strings.Contains(route, ";xf=") || !strings.Contains(route, ";xt=") {
		t.Errorf("Record-Route: %s", route)
	}
	sent := moduletest.Find(t, r.Receive(phone, byCaller("BYE", route)), "BYE")
	if got, want := names(sent), [2]string{written, dialled}; got != want {
		t.Errorf("nobody asked, and BYE bears %q", got)
	}
	r = renaming(t, newModule(t, "restore_mode manual"), "uac_restore_from")
	sent = moduletest.Find(t, r.Receive(phone, byCaller("BYE", call(t, r))), "BYE")
	if got, want := names(sent), [2]string{shown, dialled}; got != want {
		t.Errorf("uac_restore_from: BYE bears %q, want %q", got, want)
	}
	r = renaming(t, newModule(t, "restore_mode manual"), "uac_restore_to")
	sent = moduletest.Find(t, r.Receive(gateway, byCallee("BYE", call(t, r))), "BYE")
	if got, want := names(sent), [2]string{dialled, shown}; got != want {
		t.Errorf("uac_restore_to: BYE bears %q, want %q", got, want)
	}
}

// TestRestoreNone: everybody sees what was sent, and the Route keeps nothing.
func TestRestoreNone(t *testing.T) {
	r := renaming(t, newModule(t, "restore_mode none"))
	invite := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", contact)), "INVITE")
	if route := header(invite.Text, "Record-Route"); strings.Contains(route, "vsf") || strings.Contains(route, "vst") {
		t.Error(route)
	}
	out := moduletest.Find(t, r.Receive(gateway, moduletest.Answer(t, invite, 180)), "SIP/2.0 180")
	if got, want := names(out), [2]string{shown, reached}; got != want {
		t.Errorf("the caller sees %q, want %q", got, want)
	}
}

// TestRestoreOwnReply: what the router itself answers bears what the caller wrote.
func TestRestoreOwnReply(t *testing.T) {
	r := renaming(t, newModule(t))
	invite := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", contact)), "INVITE")
	out := moduletest.Find(t, r.Receive(gateway, moduletest.Answer(t, invite, 503)), "SIP/2.0 500")
	if got, want := names(out), [2]string{written, dialled}; got != want {
		t.Errorf("the caller sees %q, want %q", got, want)
	}
	r = renaming(t, newModule(t))
	invite = moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", contact)), "INVITE")
	out = moduletest.Find(t, r.Receive(gateway, moduletest.Answer(t, invite, 486)), "SIP/2.0 486")
	if got, want := names(out), [2]string{written, dialled}; got != want {
		t.Errorf("of the callee's 486 the caller sees %q, want %q", got, want)
	}
}

// TestForgedNames: nobody chooses what the router writes, nor reads in the Route whom it
// keeps secret.
func TestForgedNames(t *testing.T) {
	r := renaming(t, newModule(t))
	route := call(t, r)
	for _, secret := range []string{"alice", "Alice", "anonymous", "+49301", "YWxpY2", "FsaWNl", "hbGljZ"} {
		if strings.Contains(route, secret) {
			t.Errorf("the callee reads %q in %s", secret, route)
		}
	}
	param := func(name string) string {
		_, rest, _ := strings.Cut(route, ";"+name+"=")
		value, _, _ := strings.Cut(rest, ";")
		return value
	}
	from, to := param("vsf"), param("vst")
	for name, forged := range map[string]string{
		"one left out":      strings.Replace(route, ";vsf="+from, "", 1),
		"both left out":     strings.Replace(strings.Replace(route, ";vsf="+from, "", 1), ";vst="+to, "", 1),
		"exchanged":         strings.NewReplacer("vsf", "vst", "vst", "vsf").Replace(route),
		"one changed":       strings.Replace(route, from, "A"+from[1:], 1),
		"the other's":       strings.Replace(route, from, to, 1),
		"empty":             strings.Replace(route, from, "", 1),
		"a second one more": strings.Replace(route, ";vsf=", ";vsf=x;vsf=", 1),
	} {
		if forged == route {
			continue // the first character happened to be an A
		}
		moduletest.Find(t, r.Receive(phone, strings.ReplaceAll(byCaller("BYE", forged), "z9hG4bK-BYE", "z9hG4bK"+strings.ReplaceAll(name, " ", ""))), "SIP/2.0 481")
	}
}

// TestLongNames: what cannot be kept is not replaced, and the log says so.
func TestLongNames(t *testing.T) {
	var log strings.Builder
	m := uac.New(uac.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	r := renaming(t, m)
	long := func(n int) string {
		return strings.Replace(moduletest.Request("INVITE", contact), `"Alice"`, `"`+strings.Repeat("x", n)+`"`, 1)
	}
	moduletest.Find(t, r.Receive(phone, long(500)), "SIP/2.0 500")
	if !strings.Contains(log.String(), "too long") || !strings.Contains(log.String(), "header=From") || strings.Contains(log.String(), "xxx") {
		t.Errorf("log:\n%s", log.String())
	}
	moduletest.Find(t, r.Receive(phone, strings.ReplaceAll(long(250), "z9hG4bK-INVITE", "z9hG4bK-2")), "INVITE")
}

// TestRestoreSettings: what contradicts itself keeps the router from starting.
func TestRestoreSettings(t *testing.T) {
	for _, c := range []struct {
		params []string
		calls  string
		want   string
	}{
		{[]string{"rr_from_store_param same", "rr_to_store_param same"}, "", "both"},
		{[]string{"restore_mode none"}, "uac_restore_from", "manual"},
		{[]string{"restore_mode none"}, "uac_restore_to", "manual"},
		{[]string{"restore_mode manual"}, "uac_restore_to", ""},
		{nil, "uac_restore_from", ""},
	} {
		m := newModule(t, c.params...)
		if c.calls != "" {
			moduletest.Compile(t, m, c.calls)
		}
		if err := m.Check(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v with %s: %v, want %q", c.params, c.calls, err, c.want)
		}
	}
}

// FuzzNames: whatever stands in the parameters of a Route, the router neither falls nor
// writes it.
func FuzzNames(f *testing.F) {
	m := uac.New(uac.Config{})
	r := renaming(f, m)
	route := call(f, r)
	f.Add("AAAA")
	f.Add(strings.Repeat("A", 600))
	f.Fuzz(func(t *testing.T, value string) {
		if strings.ContainsAny(value, "\r\n\x00") {
			return
		}
		r.For(t)
		_, rest, _ := strings.Cut(route, ";vsf=")
		sealed, _, _ := strings.Cut(rest, ";")
		if value == sealed {
			return
		}
		for _, p := range r.Receive(phone, byCaller("INFO", strings.Replace(route, sealed, value, 1))) {
			if strings.HasPrefix(p.Text, "INFO") {
				t.Errorf("sent on:\n%s", p.Text)
			}
		}
	})
}
