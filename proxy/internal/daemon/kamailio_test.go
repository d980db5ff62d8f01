package daemon

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
)

// moved is a script as somebody has it who comes from Kamailio 5: its parameters and units, its
// functions, settings of its own, and a user known by his name alone.
const moved = `#!KAMAILIO
import_file "site.cfg"
#!define DOMAINS 0
#!define FLAG_ACC 1
#!define FLAG_MISSED 2

log_stderror=no
children=4
auto_aliases=no
tls_max_connections=100
mailbox.host = "127.0.0.1" desc "where calls go that nobody takes"
mailbox.port = "MAILBOX" desc "its port"

loadmodule "db_sqlite.so"
loadmodule "jsonrpcs.so"
loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "ctl.so"
loadmodule "acc.so"
loadmodule "auth.so"
loadmodule "auth_db.so"
loadmodule "alias_db.so"
loadmodule "debugger.so"

modparam("jsonrpcs", "pretty_format", 1)
modparam("jsonrpcs", "fifo_name", "FIFO")
modparam("ctl", "binrpc", "unix:/run/nowhere")
modparam("debugger", "cfgtrace", 0)
modparam("tm", "fr_timer", 2000)
modparam("tm", "fr_inv_timer", 120000)
modparam("tm", "wt_timer", 5000)
modparam("usrloc|auth_db|alias_db", "use_domain", DOMAINS)
modparam("usrloc|auth_db|alias_db|acc", "db_url", "DBURL")
modparam("auth_db", "calculate_ha1", yes)
modparam("auth_db", "password_column", "password")
modparam("auth_db", "load_credentials", "")
modparam("acc", "db_flag", FLAG_ACC)
modparam("acc", "db_missed_flag", FLAG_MISSED)

request_route {
	set_reply_no_connect();
	force_rport();
	if (!mf_process_maxfwd_header("10")) {
		sl_send_reply("483", "Too Many Hops");
		exit;
	}
	if (has_totag()) {
		if (!loose_route()) {
			if (is_method("ACK") && t_check_trans()) route(SEND);
			if (!is_method("ACK")) sl_send_reply("404", "Not Here");
			exit;
		}
		set_forward_no_connect();
		if (is_method("BYE")) setflag(FLAG_ACC);
		route(SEND);
	}
	t_check_trans();
	if (is_method("REGISTER") || from_uri == myself) {
		if (!auth_check("$fd", "subscriber", "1")) {
			auth_challenge("$fd", "0");
			exit;
		}
		if (!is_method("REGISTER|PUBLISH")) consume_credentials();
	}
	if (is_method("REGISTER")) {
		if (!save("location")) sl_reply_error();
		exit;
	}
	record_route();
	if (is_method("INVITE")) setflag(FLAG_ACC);
	if (!lookup("location")) {
		route(MAILBOX);
		sl_send_reply("404", "Not Found");
		exit;
	}
	setflag(FLAG_MISSED);
	t_on_failure("FAILED");
	route(SEND);
}

route[SEND] {
	if (is_method("INVITE|BYE|SUBSCRIBE|UPDATE")) {
		if (!t_is_set("branch_route")) t_on_branch("BRANCH");
	}
	if (!t_relay()) sl_reply_error();
	exit;
}

route[MAILBOX] {
	if (strempty($sel(cfg_get.mailbox.host))) return;
	$ru = "sip:" + $rU + "@" + $sel(cfg_get.mailbox.host) + ":" + $sel(cfg_get.mailbox.port);
	route(SEND);
}

branch_route[BRANCH] { xdbg("to $ru\n"); }

failure_route[FAILED] {
	if (t_is_canceled()) exit;
	if (t_check_status("486|408")) route(MAILBOX);
}
`

// TestMovedFromKamailio: with such a script two users register, call, hang up, and have their calls in
// the accounts; who is busy or away has a mailbox; the FIFO is where jsonrpcs names it; and the start
// says what is different here.
func TestMovedFromKamailio(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	mailbox, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("FIFO", fifo, "MAILBOX\" desc", fmt.Sprint(mailbox.LocalAddr().(*net.UDPAddr).Port)+"\" desc").Replace(moved)
	s := newStand(t, text, "alice", "bob")
	box := &phone{t: t, s: s, conn: mailbox, user: "box"}
	t.Cleanup(func() { mailbox.Close() })
	alice, bob := s.phone("alice"), s.phone("bob")
	alice.register()
	bob.register()

	alice.start("INVITE", bobURI(), "talk", "")
	invite := bob.expect("INVITE")
	if invite.Header(sip.HdrProxyAuthorization) != nil {
		t.Errorf("bob sees alice's credentials:\n%s", invite.Buf)
	}
	bob.answer(invite, 180)
	alice.expect("SIP/2.0 180")
	bob.answer(invite, 200)
	endTalk(alice, bob)
	s.wait("both rows of the call", func() bool { return s.rows("SELECT COUNT(*) FROM acc WHERE callid = 'talk'") == 2 })

	for id, refuse := range map[string]func(){
		"busy": func() { bob.answer(bob.expect("INVITE"), 486) },
		"away": func() {},
	} {
		uri := bobURI()
		if id == "away" {
			uri = "sip:nobody@" + testDomain
		}
		alice.start("INVITE", uri, id, "")
		refuse()
		deposit := box.expect("INVITE sip:" + strings.TrimSuffix(strings.TrimPrefix(uri, "sip:"), "@"+testDomain) + "@127.0.0.1")
		box.answer(deposit, 200)
		alice.expect("SIP/2.0 200")
	}

	alice.start("MESSAGE", bobURI(), "words", "hello")
	bob.answer(bob.expect("MESSAGE"), 200)
	alice.expect("SIP/2.0 200")

	eve := s.phone("alice")
	eve.send(eve.request("INVITE", bobURI(), "forged", 1, "")) // no credentials
	eve.expect("SIP/2.0 407")

	var log bytes.Buffer
	if _, err := s.d.ReloadScript(); err != nil {
		t.Error(err)
	}
	for _, r := range s.d.remarks() {
		if r.Kind != "note" {
			fmt.Fprintln(&log, r.Message)
		}
	}
	for _, want := range []string{
		"parameter use_domain of usrloc: 0 is the same as 1: a phone is found by user and domain",
		"parameter calculate_ha1 of auth_db: the hashes in the column ha1 are read",
		"parameter binrpc of ctl has no effect", "tls_max_connections has no effect",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the remarks lack %q:\n%s", want, &log)
		}
	}
	if info, err := os.Stat(fifo); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("the FIFO is %v, %v", info, err)
	}
}

// TestNoConnectInAScript: a script's set_forward_no_connect keeps a request from opening a connection, and
// the caller hears why; without it the connection is opened.
func TestNoConnectInAScript(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for name, x := range map[string]struct{ begin, branch, want string }{
		"in the main route":  {"set_forward_no_connect();", "", "SIP/2.0 477 Not Connected"},
		"in a branch route":  {"t_on_branch(1);", "set_forward_no_connect();", "SIP/2.0 477 Not Connected"},
		"in a failure route": {"", "", "SIP/2.0 486"},
		"not at all":         {"", "", "INVITE"},
	} {
		t.Run(name, func(t *testing.T) {
			to, bobPort := fmt.Sprintf("sip:x@%v;transport=tcp", ln.Addr()), ""
			send := fmt.Sprintf("$ru = %q; t_relay();", to)
			s0, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s0.Close() })
			failure := ""
			if name == "in a failure route" {
				bobPort = fmt.Sprint(s0.LocalAddr().(*net.UDPAddr).Port)
				send = "t_on_failure(2); $ru = \"sip:bob@127.0.0.1:" + bobPort + "\"; t_relay();"
				failure = fmt.Sprintf("failure_route[2] { set_forward_no_connect(); $ru = %q; if (!t_relay()) exit; }\n", to)
			}
			s := newStand(t, "loadmodule \"tm.so\"\nloadmodule \"sl.so\"\nroute { "+x.begin+" "+send+" }\n"+
				"branch_route[1] { "+x.branch+" }\n"+failure+"reply_route { set_reply_no_connect(); set_forward_no_connect(); }\n")
			alice := s.phone("alice")
			alice.send(alice.request("INVITE", bobURI(), "tcp", 1, ""))
			if bobPort != "" {
				bob := &phone{t: t, s: s, conn: s0, user: "bob"}
				bob.answer(bob.expect("INVITE"), 486)
			}
			if x.want != "INVITE" {
				alice.expect(x.want)
				if n := s.d.layer.Stats().Conns; n != 0 {
					t.Errorf("%d connections", n)
				}
				return
			}
			c, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			buf := make([]byte, 6)
			if _, err := c.Read(buf); err != nil || string(buf) != x.want {
				t.Errorf("%q came: %v", buf, err)
			}
		})
	}
}
