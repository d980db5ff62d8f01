package daemon

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// What becomes of a torture message besides an answer with a status.
const (
	relayed = -1 // reaches the phone as it was, less what a proxy changes
	dropped = -2 // nothing is sent, to nobody
)

// tortures are the messages of RFC 4475 and RFC 5118 in testdata/torture, written after the
// RFCs' descriptions. Where an RFC leaves a choice, what we do is here. Their topmost Via
// asks for rport, so that the answer reaches the test.
var tortures = []struct {
	file, section string
	want          int
	says          string // stands in the answer
}{
	{"wsinv", "RFC 4475 3.1.1.1", 403, "Not Our Route"}, // understood; it claims a dialog along a Route that we never gave
	{"intmeth", "RFC 4475 3.1.1.2", relayed, ""},
	{"esc01", "RFC 4475 3.1.1.3", relayed, ""},
	{"escnull", "RFC 4475 3.1.1.4", relayed, ""},
	{"esc02", "RFC 4475 3.1.1.5", relayed, ""},
	{"lwsdisp", "RFC 4475 3.1.1.6", relayed, ""},
	{"longreq", "RFC 4475 3.1.1.7", relayed, ""},
	{"dblreq", "RFC 4475 3.1.1.8", relayed, ""}, // and the second request in the datagram is not one
	{"semiuri", "RFC 4475 3.1.1.9", relayed, ""},
	{"transports", "RFC 4475 3.1.1.10", relayed, ""},
	{"mpart01", "RFC 4475 3.1.1.11", relayed, ""},
	{"unreason", "RFC 4475 3.1.1.12", dropped, ""}, // a response to nothing; TestTortureReplies relays it
	{"noreason", "RFC 4475 3.1.1.13", dropped, ""},

	{"badinv01", "RFC 4475 3.1.2.1", 400, "Via"},
	{"clerr", "RFC 4475 3.1.2.2", 400, "Content-Length"},
	{"ncl", "RFC 4475 3.1.2.3", 400, "Content-Length"},
	{"scalar02", "RFC 4475 3.1.2.4", 400, "CSeq"},
	{"scalarlg", "RFC 4475 3.1.2.5", dropped, ""},
	{"quotbal", "RFC 4475 3.1.2.6", 400, "address"},
	{"ltgtruri", "RFC 4475 3.1.2.7", 400, "Request-URI"},
	{"lwsruri", "RFC 4475 3.1.2.8", 400, "start line"},
	{"lwsstart", "RFC 4475 3.1.2.9", 400, "start line"},
	{"trws", "RFC 4475 3.1.2.10", 400, "start line"},
	{"escruri", "RFC 4475 3.1.2.11", 400, "Request-URI"},
	{"baddate", "RFC 4475 3.1.2.12", relayed, ""}, // a proxy has no use for Date
	{"regbadct", "RFC 4475 3.1.2.13", 400, "Contact"},
	{"badaspec", "RFC 4475 3.1.2.14", 400, ""},
	{"baddn", "RFC 4475 3.1.2.15", relayed, ""}, // the missing quotes are inferred
	{"badvers", "RFC 4475 3.1.2.16", 505, ""},
	{"badvers-via", "RFC 4475 3.1.2.16", dropped, ""}, // a Via of a version that we do not know leads nowhere
	{"mismatch01", "RFC 4475 3.1.2.17", 400, "CSeq"},
	{"mismatch02", "RFC 4475 3.1.2.18", 400, "CSeq"},
	{"bigcode", "RFC 4475 3.1.2.19", dropped, ""},

	{"badbranch", "RFC 4475 3.2.1", relayed, ""},

	{"insuf", "RFC 4475 3.3.1", 400, "missing"},
	{"unkscm", "RFC 4475 3.3.2", 416, ""},
	{"novelsc", "RFC 4475 3.3.3", 416, ""},
	{"unksm2", "RFC 4475 3.3.4", 400, ""},
	{"bext01", "RFC 4475 3.3.5", 420, "noProxiesSupportThis"},
	{"invut", "RFC 4475 3.3.6", relayed, ""}, // the 415 is the callee's
	{"regaut01", "RFC 4475 3.3.7", 401, "Digest"},
	{"multi01", "RFC 4475 3.3.8", 400, "twice"},
	{"mcl01", "RFC 4475 3.3.9", 400, "Content-Length"},
	{"bcast", "RFC 4475 3.3.10", dropped, ""},
	{"zeromf", "RFC 4475 3.3.11", 200, ""},
	{"zeroinv", "RFC 4475 3.3.11", 483, ""},
	{"cparam01", "RFC 4475 3.3.12", 200, "+19725552222@gw1.example.net>"},
	{"cparam02", "RFC 4475 3.3.13", 200, "+19725552222@gw1.example.net;unknownparam>"},
	{"regescrt", "RFC 4475 3.3.14", 200, "?Route="},
	{"sdp01", "RFC 4475 3.3.15", relayed, ""}, // the 406 is the callee's
	{"inv2543", "RFC 4475 3.4.1", relayed, ""},

	{"ipv6-good", "RFC 5118 4.1", relayed, ""},
	{"ipv6-bad", "RFC 5118 4.2", 400, "Request-URI"},
	{"port-ambiguous", "RFC 5118 4.3", relayed, ""},
	{"port-unambiguous", "RFC 5118 4.4", relayed, ""},
	{"via-received-param-with-delim", "RFC 5118 4.5", relayed, ""},
	{"via-received-param-no-delim", "RFC 5118 4.5", relayed, ""},
	{"ipv6-in-sdp", "RFC 5118 4.6", relayed, ""},
	{"mult-ip-in-header", "RFC 5118 4.7", relayed, ""},
	{"mult-ip-in-sdp", "RFC 5118 4.8", relayed, ""},
	{"ipv4-mapped-ipv6", "RFC 5118 4.9", relayed, ""},
	{"ipv6-bug-abnf-3-colons", "RFC 5118 4.10", relayed, ""}, // the next hop is given, and may know better
}

// tortureScript checks as the default script does, is the registrar of example.org, and
// sends the rest to one phone, whatever the Request-URI.
const tortureScript = `
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "sanity.so"
loadmodule "textops.so"
loadmodule "nathelper.so"
loadmodule "usrloc.so"
loadmodule "auth.so"
loadmodule "auth_db.so"
loadmodule "registrar.so"
modparam("tm", "retr_timer1", 100)
route {
	force_rport();
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); break; };
	if (!sanity_check("17895", "7")) { break; };
	if (method == "REGISTER" && uri == "sip:example.org") {
		if (search("^Authorization:") && !www_authorize("example.org", "subscriber")) {
			www_challenge("example.org", "1");
			break;
		};
		save("location");
		break;
	};
	t_relay("127.0.0.1", "PORT");
}
`

func TestTorture(t *testing.T) {
	callee, alice := tortureStand(t)
	seen := map[string]bool{".gitattributes": true}
	for _, c := range tortures {
		seen[c.file+".sip"] = true
		t.Run(c.section+" "+c.file, func(t *testing.T) {
			callee, alice := *callee, *alice
			callee.t, alice.t = t, t
			msg, err := os.ReadFile(filepath.Join("testdata", "torture", c.file+".sip"))
			if err != nil {
				t.Fatal(err)
			}
			alice.send(msg)
			switch c.want {
			case relayed:
				got := callee.expect(startOf(msg))
				if diff := unlike(msg, got.Buf); diff != "" {
					t.Errorf("relayed was\n%s\nwhich is not what was sent: %s", got.Buf, diff)
				}
				callee.answer(got, 200)
				alice.expect("SIP/2.0 200")
			case dropped:
			default:
				got := answered(t, &alice)
				if want := fmt.Sprintf("SIP/2.0 %d ", c.want); !strings.HasPrefix(got, want) || !strings.Contains(got, c.says) {
					t.Errorf("answered was\n%s\nwant %d and %q", got, c.want, c.says)
				}
			}
			alive(t, &alice)
			if more := callee.within(time.Millisecond, ""); more != nil {
				t.Errorf("the phone got %s", more.Buf)
			}
		})
	}
	files, err := os.ReadDir(filepath.Join("testdata", "torture"))
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(files, func(f os.DirEntry) bool { return !seen[f.Name()] }); i >= 0 {
		t.Errorf("%s is in no test", files[i].Name())
	}
}

// TestTortureReplies: the odd status lines of RFC 4475, as a callee's answer, reach the
// caller as they are.
func TestTortureReplies(t *testing.T) {
	callee, alice := tortureStand(t)
	for i, start := range []string{"SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe \xd1\x81\xd1\x82\xd0\xbe", "SIP/2.0 183 ", "SIP/2.0 499 "} {
		alice.send(alice.request("OPTIONS", "sip:x@elsewhere.example", fmt.Sprint("odd-", i), 1, ""))
		req := callee.expect("OPTIONS ")
		reply := req.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("t")})
		_, rest, _ := bytes.Cut(reply, []byte("\r\n"))
		callee.send(slices.Concat([]byte(start+"\r\n"), rest))
		if got := alice.expect("SIP/2.0 "); !bytes.HasPrefix(got.Buf, []byte(start+"\r\n")) {
			t.Errorf("%q came up as %q", start, startOf(got.Buf))
		}
		if strings.HasPrefix(start, "SIP/2.0 1") {
			callee.answer(req, 200)
			alice.expect("SIP/2.0 200")
		}
	}
	for i, start := range []string{"SIP/2.0 4294967301 better not break the receiver", "SIP/2.0  200 OK", "SIP/2.0 99 OK", "SIP/7.0 200 OK"} {
		alice.send(alice.request("OPTIONS", "sip:x@elsewhere.example", fmt.Sprint("bad-", i), 1, ""))
		req := callee.expect("OPTIONS ")
		reply := req.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("t")})
		_, rest, _ := bytes.Cut(reply, []byte("\r\n"))
		callee.send(slices.Concat([]byte(start+"\r\n"), rest))
		callee.answer(req, 404)
		if got := alice.expect("SIP/2.0 "); got.Status != 404 {
			t.Errorf("after %q the caller got %s", start, got.Buf)
		}
	}
}

// tortureStand is a router with the script, the phone that everything goes to, and one that sends.
func tortureStand(t *testing.T) (callee, alice *phone) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	port := conn.LocalAddr().(*net.UDPAddr).Port
	s := newStand(t, strings.Replace(tortureScript, "PORT", fmt.Sprint(port), 1), "bob")
	callee = &phone{t: t, s: s, conn: conn, user: "callee"}
	return callee, s.phone("alice")
}

// answered is the final answer as it came: that to a message which cannot be parsed cannot either.
func answered(t *testing.T, p *phone) string {
	t.Helper()
	buf := make([]byte, 65536)
	for {
		_ = p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := p.conn.Read(buf)
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		if text := string(buf[:n]); !strings.HasPrefix(text, "SIP/2.0 1") {
			return text
		}
	}
}

// alive asks the router for an answer; anything else that it sent the phone before is a fault.
func alive(t *testing.T, p *phone) {
	t.Helper()
	p.send([]byte(strings.Replace(string(p.request("OPTIONS", "sip:"+testDomain, "alive", 1, "")), "Max-Forwards: 70", "Max-Forwards: 0", 1)))
	got := p.expect("SIP/2.0 ")
	for bytes.HasPrefix(got.Buf, []byte("SIP/2.0 100")) {
		got = p.expect("SIP/2.0 ")
	}
	if id := string(got.CallID()); id != "alive" {
		t.Errorf("the router sent %s", got.Buf)
	}
}

// startOf is the first line of a message.
func startOf(msg []byte) string {
	line, _, _ := strings.Cut(string(msg), "\r\n")
	return line
}

// unlike says in which header or body a relayed request differs from the one sent: all lines
// stay, byte for byte and in order, but for the topmost Via, Max-Forwards, our Record-Route,
// and a preloaded Route, which is a stranger's to no avail.
func unlike(sent, got []byte) string {
	var a, b sip.Message
	if err := a.Parse(sent); err != nil {
		return err.Error()
	}
	if err := b.Parse(got); err != nil {
		return err.Error()
	}
	if !bytes.Equal(a.Body(), b.Body()) {
		return fmt.Sprintf("body %q", b.Body())
	}
	la, lb := kept(&a), kept(&b)
	for i := range max(len(la), len(lb)) {
		switch {
		case i >= len(la):
			return fmt.Sprintf("%q was added", lb[i])
		case i >= len(lb) || la[i] != lb[i]:
			return fmt.Sprintf("%q is not there", la[i])
		}
	}
	return ""
}

// kept are the header lines that a proxy has no business with.
func kept(m *sip.Message) (lines []string) {
	head, _, _ := strings.Cut(string(m.Buf), "\r\n\r\n")
	_, head, _ = strings.Cut(head, "\r\n")
	for _, l := range strings.Split(strings.NewReplacer("\r\n ", "\x01 ", "\r\n\t", "\x01\t").Replace(head), "\r\n") {
		name, _, _ := strings.Cut(l, ":")
		switch sip.ParseHeaderID([]byte(strings.TrimSpace(name))) {
		case sip.HdrVia, sip.HdrMaxForwards, sip.HdrRecordRoute, sip.HdrRoute, sip.HdrContentLength:
		default:
			lines = append(lines, l)
		}
	}
	return lines
}
