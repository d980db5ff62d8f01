package script

import (
	"strings"
	"testing"

	"seraph/deploy"
	"seraph/proxy/internal/module"
)

// request writes a request; the router's domain is example.org.
func request(method, uri, from, to string) string {
	return method + " " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bK1\r\n" +
		"From: <" + from + ">;tag=1\r\nTo: <" + to + ">\r\nCall-ID: call-1\r\nCSeq: 1 " + method + "\r\nContent-Length: 0\r\n\r\n"
}

// scanner gives a request the name of a scanner.
func scanner(text string) string {
	return strings.Replace(text, "\r\nCSeq", "\r\nUser-Agent: friendly-scanner\r\nCSeq", 1)
}

// TestDefaultScript: what the router's own script does with each kind of request,
// told as the functions that it calls. The questions about NAT, and what every
// request is asked, are left out.
func TestDefaultScript(t *testing.T) {
	const stripped = "remove_hf(P-Asserted-Identity) remove_hf(P-Preferred-Identity) remove_hf(Remote-Party-ID) "
	const (
		alice, bob, eve, other = "sip:alice@example.org", "sip:bob@example.org", "sip:eve@example.net", "sip:x@example.com"
		domain, short          = "sip:example.org", "sip:07@example.org"
		auth                   = "proxy_authorize(,subscriber) check_from() consume_credentials() "
		alias                  = "alias_db_lookup(dbaliases) "
		relayed                = "t_on_reply(1) t_relay()"
		found                  = alias + "lookup(location) t_on_failure(2) " + relayed
		asked                  = alias + "lookup(location) " + relayed
		away                   = "alias_db_lookup(dbaliases) lookup(location) t_newtran() "
	)
	call := request("INVITE", bob, alice, bob)
	for _, x := range []struct {
		name, text string
		fails      string // functions that return false beside those of a first request without NAT
		holds      string // functions that are true after all
		want       string
	}{
		{"a call between ours", call, "", "", auth + "record_route() " + found},
		{"a short number", request("INVITE", short, alice, short), "", "",
			"proxy_authorize(,subscriber) check_from() consume_credentials() sd_lookup(speed_dial) record_route() " + found},
		{"a stranger's two digits", request("INVITE", short, eve, short), "", "", "record_route() " + found},
		{"the same without credentials", call, "proxy_authorize", "", "proxy_authorize(,subscriber) proxy_challenge(,1)"},
		{"under another's name", call, "check_from", "", "proxy_authorize(,subscriber) check_from() sl_send_reply(403,Use Your Own Address in From)"},
		{"to somebody who is not there", call, "lookup", "",
			auth + "record_route() " + alias + "lookup(location) t_reply(480,Temporarily Unavailable)"},
		{"from who is blocked", call, "", "ub_blocked", auth + "record_route() " + alias + "ub_blocked() t_reply(480,Temporarily Unavailable)"},
		{"to somebody who does not want to be disturbed", call, "", "ub_dnd",
			auth + "record_route() " + alias + "lookup(location) ub_dnd() t_reply(480,Temporarily Unavailable)"},
		{"forwarded because nobody is there", call, "lookup", "ub_forward",
			auth + "record_route() " + alias + "ub_forward(always) lookup(location) ub_forward(offline) lookup(location) t_reply(480,Temporarily Unavailable)"},
		{"a message from who is blocked", request("MESSAGE", bob, eve, bob), "", "ub_blocked", alias + "ub_blocked() sl_send_reply(480,Temporarily Unavailable)"},
		{"that goes in circles", call, "mf_process_maxfwd_header", "", "sl_send_reply(483,Too Many Hops)"},
		{"that cannot be sent", call, "t_relay t_is_failure_route", "", auth + "record_route() " + found + " t_is_failure_route() sl_reply_error()"},
		{"from ours to elsewhere", request("INVITE", other, alice, other), "", "", auth + "record_route() ub_heed_phones() t_on_reply(1) t_relay()"},
		{"from elsewhere to ours", request("INVITE", bob, eve, bob), "", "", "record_route() " + found},
		{"a stranger's order to call", request("REFER", bob, eve, bob), "", "", "sl_send_reply(403,Not From a Stranger)"},
		{"a stranger's order to restart", request("NOTIFY", bob, eve, bob), "", "", "sl_send_reply(403,Not From a Stranger)"},
		{"a stranger who wants to know what bob does", request("SUBSCRIBE", bob, eve, bob), "", "", "sl_send_reply(403,Not From a Stranger)"},
		{"a stranger's INFO", request("INFO", bob, eve, bob), "", "", "sl_send_reply(403,Not From a Stranger)"},
		{"a stranger's PUBLISH", request("PUBLISH", bob, eve, bob), "", "", "sl_send_reply(403,Not From a Stranger)"},
		{"a stranger's BYE of no dialog", request("BYE", bob, eve, bob), "", "", "sl_send_reply(403,Not From a Stranger)"},
		{"a stranger's unknown method", request("invites", bob, eve, bob), "", "", "sl_send_reply(403,Not From a Stranger)"},
		{"a trusted peer's notice", request("NOTIFY", bob, eve, bob), "", "allow_source_address", asked},
		{"a notice between ours", request("NOTIFY", bob, alice, bob), "", "", auth + asked},
		{"an unknown method between ours", request("PING", bob, alice, bob), "", "", auth + asked},
		{"an unknown method for the router", request("ping", domain, eve, domain), "", "", "append_to_reply(Allow: OPTIONS, REGISTER\r\n) sl_send_reply(405,Method Not Allowed)"},
		{"a notice for the router", request("NOTIFY", domain, eve, domain), "", "", "append_to_reply(Allow: OPTIONS, REGISTER\r\n) sl_send_reply(405,Method Not Allowed)"},
		{"from elsewhere to elsewhere", request("INVITE", other, eve, other), "", "", "sl_send_reply(403,Not Relaying)"},
		{"from a scanner", scanner(request("INVITE", bob, eve, bob)), "", "", ""},
		{"from a scanner that names one of ours", scanner(call), "proxy_authorize", "", "proxy_authorize(,subscriber)"},
		{"a scanner that asks whether we are there", scanner(request("OPTIONS", domain, eve, domain)), "", "", ""},
		{"a scanner that registers", scanner(request("REGISTER", domain, alice, alice)), "www_authorize", "", "www_authorize(,subscriber)"},
		{"one of ours with a scanner's name", scanner(call), "", "", auth + "record_route() " + found},
		{"a flood", call, "pike_check_req", "", ""},
		{"a flood of a trusted peer", request("INVITE", bob, eve, bob), "pike_check_req", "allow_source_address", "record_route() " + found},
		{"from a trusted peer", request("INVITE", bob, eve, bob), "", "allow_source_address", "record_route() " + found},
		{"from a trusted peer, of a caller who wants privacy", strings.Replace(request("INVITE", bob, eve, bob), "\r\nCSeq", "\r\nprivacy: header;id\r\nCSeq", 1),
			"", "allow_source_address", "remove_hf(P-Asserted-Identity) record_route() " + found},
		{"what is not well formed", call, "sanity_check", "", ""},
		{"a message", request("MESSAGE", bob, eve, bob), "", "", "alias_db_lookup(dbaliases) lookup(location) t_on_failure(1) t_on_reply(1) t_relay()"},
		{"a message to somebody who is not there", request("MESSAGE", bob, eve, bob), "lookup", "", away + "m_store(0) t_reply(202,Accepted for Later Delivery)"},
		{"a message that cannot be kept", request("MESSAGE", bob, eve, bob), "lookup m_store", "", away + "m_store(0) t_reply(503,Service Unavailable)"},
		{"a message that is there already", request("MESSAGE", bob, eve, bob), "lookup t_newtran", "", away + "sl_reply_error()"},
		{"that somebody is writing, to who is not there", request("MESSAGE", bob, eve, bob), "lookup", "has_body",
			"alias_db_lookup(dbaliases) lookup(location) sl_send_reply(480,Temporarily Unavailable)"},
		{"a message behind those that wait", request("MESSAGE", bob, eve, bob), "", "m_dumping",
			away + "m_store(1) t_reply(202,Accepted for Later Delivery)"},
		{"one that cannot be kept behind them", request("MESSAGE", bob, eve, bob), "m_store", "m_dumping",
			away + "m_store(1) t_on_failure(1) t_on_reply(1) t_relay()"},
		{"one that is there already", request("MESSAGE", bob, eve, bob), "t_newtran", "m_dumping", away + "sl_reply_error()"},
		{"to no user", request("MESSAGE", domain, alice, domain), "", "", auth + "sl_send_reply(484,Address Incomplete)"},
		{"are you there", request("OPTIONS", domain, eve, domain), "", "", "sl_send_reply(200,OK)"},
		{"are you there, bob", request("OPTIONS", bob, eve, bob), "", "", asked},
		{"a registration", request("REGISTER", domain, alice, alice), "", "", "www_authorize(,subscriber) check_to() save(location) m_dump()"},
		{"without credentials", request("REGISTER", domain, alice, alice), "www_authorize", "", "www_authorize(,subscriber) www_challenge(,1)"},
		{"for another", request("REGISTER", domain, alice, bob), "check_to", "",
			"www_authorize(,subscriber) check_to() sl_send_reply(403,Use Your Own Address in To)"},
		{"that cannot be kept", request("REGISTER", domain, alice, alice), "save", "",
			"www_authorize(,subscriber) check_to() save(location) sl_reply_error() m_dump()"},
		{"from behind a NAT", request("REGISTER", domain, alice, alice), "", "nat_uac_test",
			"fix_nated_register() www_authorize(,subscriber) check_to() save(location) m_dump()"},
		{"at another's registrar", request("REGISTER", "sip:example.com", eve, eve), "", "", "sl_send_reply(403,Not Relaying)"},
		{"a call from behind a NAT", call, "", "nat_uac_test", "add_contact_alias() " + auth + "record_route() " + found},
		{"within a dialog", request("BYE", bob, alice, bob), "", "loose_route", "handle_ruri_alias() t_on_reply(1) t_relay()"},
		{"within a dialog, to a GRUU", request("BYE", bob, alice, bob), "", "loose_route uri_param", "lookup(location) handle_ruri_alias() t_on_reply(1) t_relay()"},
		{"within a dialog, to a GRUU of a phone that is away", request("BYE", bob, alice, bob), "lookup", "loose_route uri_param",
			"lookup(location) sl_send_reply(480,Temporarily Unavailable)"},
		{"within a dialog, to a GRUU elsewhere", request("BYE", other, alice, other), "", "loose_route uri_param", "handle_ruri_alias() t_on_reply(1) t_relay()"},
		{"within a dialog that is not ours", request("BYE", bob, alice, bob), "", "has_totag", "sl_send_reply(404,Not Here)"},
		{"an ACK within a dialog that is not ours", request("ACK", bob, alice, bob), "", "has_totag", ""},
		{"an ACK within a dialog", request("ACK", bob, alice, bob), "", "loose_route", "handle_ruri_alias() t_on_reply(1) t_relay()"},
		{"an ACK without a To tag", request("ACK", bob, alice, bob), "", "", ""},
		{"too long", strings.Replace(call, "\r\nContent-Length: 0\r\n\r\n", "\r\nX: "+strings.Repeat("x", 17000)+"\r\n\r\n", 1), "", "",
			"sl_send_reply(513,Message Too Large)"},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := compileWhole(t, deploy.Script(), nil)
			for name := range strings.FieldsSeq("ub_blocked ub_dnd ub_forward ub_no_answer_timeout loose_route uri_param has_totag nat_uac_test search has_body m_dumping allow_source_address " + x.fails) {
				p.returns[name] = module.False
			}
			for name := range strings.FieldsSeq(x.holds) {
				p.returns[name] = module.True
			}
			if !strings.Contains(x.text, "From: <sip:alice@") {
				p.returns["is_from_local"] = module.False
			}
			if !strings.HasPrefix(x.text, "INVITE") {
				p.returns["is_method"] = module.False
			}
			got := strings.Join(story(p, x.text), " ") + " "
			if rest := strings.TrimSuffix(strings.Replace(got, stripped, "", 1), " "); rest != x.want {
				t.Errorf("the script calls\n%q, want\n%q", rest, x.want)
			}
			early := x.fails == "mf_process_maxfwd_header" || x.fails == "pike_check_req" || x.fails == "sanity_check" || x.name == "too long"
			if want := !early && x.holds != "allow_source_address"; strings.Contains(got, stripped) != want {
				t.Errorf("the sender's names for himself go: %v, want %v\n%q", !want, want, got)
			}
		})
	}
}

// TestDefaultScriptUnknownGRUU: a GRUU that was never given is no address, and nothing is
// stored or forwarded for it.
func TestDefaultScriptUnknownGRUU(t *testing.T) {
	for method, want := range map[string]string{
		"INVITE":  "lookup(location) t_reply(404,Not Found)",
		"MESSAGE": "lookup(location) sl_send_reply(404,Not Found)",
	} {
		p := compileWhole(t, deploy.Script(), nil)
		for name := range strings.FieldsSeq("ub_blocked ub_dnd ub_forward loose_route uri_param has_totag nat_uac_test has_body") {
			p.returns[name] = module.False
		}
		p.returns["lookup"] = -3
		list := story(p, request(method, "sip:bob@example.org", "sip:alice@example.org", "sip:bob@example.org"))
		if got := strings.Join(list, " "); !strings.HasSuffix(got, want) {
			t.Errorf("%s: the script calls %q, want that it ends with %q", method, got, want)
		}
	}
}

// story is what the script calls but for the questions.
func story(p *play, text string) []string {
	p.prog.Request(p.message(text, stranger))
	var list []string
	for _, call := range p.calls {
		switch name, _, _ := strings.Cut(call, "("); name {
		case "mf_process_maxfwd_header", "nat_uac_test", "loose_route", "uri_param", "has_totag", "is_from_local", "is_method", "search", "has_body", "m_dumping", "allow_source_address", "pike_check_req", "sanity_check":
		case "ub_blocked", "ub_dnd", "ub_forward", "ub_no_answer_timeout": // told where there is a rule
			if p.returns[name] != module.False {
				list = append(list, call)
			}
		default:
			list = append(list, call)
		}
	}
	return list
}

// TestDefaultScriptReplies: a phone behind a NAT that answers gets its address into Contact;
// who it says it is goes, unless a peer that we trust says it.
func TestDefaultScriptReplies(t *testing.T) {
	p := compileWhole(t, deploy.Script(), nil)
	for trusted, who := range map[int]string{module.True: "", module.False: "remove_hf(P-Asserted-Identity) remove_hf(P-Preferred-Identity) remove_hf(Remote-Party-ID) "} {
		for nat, want := range map[int]string{module.True: "nat_uac_test(65) add_contact_alias()", module.False: "nat_uac_test(65)"} {
			p.calls, p.returns["nat_uac_test"], p.returns["allow_source_address"] = nil, nat, trusted
			if !p.prog.Reply(p.message(ringing, stranger), 1) {
				t.Error("the response is dropped")
			}
			if got := strings.Join(p.calls, " "); got != "allow_source_address(1) "+who+want {
				t.Errorf("called %q, want %q", got, who+want)
			}
		}
	}
}

// TestDefaultScriptFailures: a message that no phone took is kept, and only where it
// can be kept the sender is told so.
func TestDefaultScriptFailures(t *testing.T) {
	message := request("MESSAGE", "sip:bob@example.org", "sip:alice@example.org", "sip:bob@example.org")
	for fails, want := range map[string]string{
		"":                             "t_check_status(405|408|480|501) m_store(0) t_reply(202,Accepted for Later Delivery)",
		"m_store":                      "t_check_status(405|408|480|501) m_store(0)",
		"t_check_status":               "t_check_status(405|408|480|501) t_any_timeout() m_store(0) t_reply(202,Accepted for Later Delivery)",
		"t_check_status t_any_timeout": "t_check_status(405|408|480|501) t_any_timeout()",
	} {
		p := compileWhole(t, deploy.Script(), nil)
		for name := range strings.FieldsSeq(fails) {
			p.returns[name] = module.False
		}
		p.prog.Failure(p.message(message, stranger), 1)
		if got := strings.Join(p.calls, " "); got != want {
			t.Errorf("with %q failing it calls %q, want %q", fails, got, want)
		}
	}
}

// TestDefaultScriptForwards: a call that nobody took goes where its rule says, and
// otherwise, or when the caller has given up, the answer goes back.
func TestDefaultScriptForwards(t *testing.T) {
	call := request("INVITE", "sip:bob@example.org", "sip:alice@example.org", "sip:bob@example.org")
	const declined, late, absent = "t_is_canceled() t_check_status(60[1-9])", "t_any_timeout(rang)", "t_any_timeout() t_check_status(408|480)"
	const busy, busier = "t_grep_status(486)", "t_grep_status(600)"
	const on = " ub_forward(always) ub_blocked() lookup(location) ub_dnd() ub_no_answer_timeout() t_on_failure(2) t_on_reply(1) t_relay()"
	for _, x := range []struct{ false, want string }{
		{"t_is_canceled t_check_status ub_blocked ub_dnd", declined + " " + late + " ub_forward(noanswer)" + on},
		{"t_is_canceled t_check_status ub_forward", declined + " " + late + " ub_forward(noanswer) " + busy + " ub_forward(busy)"},
		{"t_is_canceled t_check_status t_any_timeout ub_blocked ub_dnd", declined + " " + late + " " + busy + " ub_forward(busy)" + on},
		{"t_is_canceled t_check_status t_any_timeout t_grep_status", declined + " " + late + " " + busy + " " + busier + " " + absent},
		{"t_is_canceled", declined},
		{"ub_forward", "t_is_canceled()"},
	} {
		p := compileWhole(t, deploy.Script(), nil)
		for name := range strings.FieldsSeq(x.false) {
			p.returns[name] = module.False
		}
		p.prog.Failure(p.message(call, stranger), 2)
		if got := strings.Join(p.calls, " "); got != x.want {
			t.Errorf("with %q false it calls\n%q, want\n%q", x.false, got, x.want)
		}
	}
}
