package script

import (
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/transport"
)

// TestConditionsOfRequest asks one condition a line of the INVITE from a stranger.
func TestConditionsOfRequest(t *testing.T) {
	for _, x := range []struct {
		cond string
		want bool
	}{
		{`method == "INVITE"`, true},
		{`method == INVITE`, true},
		{`method=="invite"`, true},
		{`method != "INVITE"`, false},
		{`method =~ "INVITE|ACK"`, true},
		{`method =~ "^(ack|bye)$"`, false},
		{`uri == "sip:bob@EXAMPLE.org;user=phone"`, true},
		{`uri == "sip:bob@example.org"`, false},
		{`uri != "sip:bob@example.org"`, true},
		{`uri =~ "^sip:bob@.*\.org"`, true},
		{`uri =~ "@example\.com"`, false},
		{`uri =~ "user=[[:alpha:]]+$"`, true},
		{`uri == myself`, true},
		{`uri==myself`, true},
		{`uri != myself`, false},
		{`!uri==myself`, false},
		{`from_uri == "sip:alice@example.net"`, true},
		{`from_uri =~ "^sip:ALICE@"`, true},
		{`from_uri == myself`, false},
		{`from_uri != myself`, true},
		{`to_uri == "sip:bob@example.org"`, true},
		{`to_uri == myself`, true},
		{`src_ip == 192.0.2.7`, true},
		{`src_ip == 192.0.2.8`, false},
		{`src_ip != 192.0.2.8`, true},
		{`src_ip == 192.0.2.0/24`, true},
		{`src_ip == 192.0.2.0 / 24`, true},
		{`src_ip == 192.0.2.0/255.255.255.0`, true},
		{`src_ip == 10.0.0.0/8`, false},
		{`src_ip == "192.0.2.7"`, true},
		{`src_ip =~ "^192\.0\."`, true},
		{`src_ip == 2001:db8::/32`, false},
		{`src_ip == [2001:db8::1]`, false},
		{`src_ip == ::1`, false},
		{`src_ip == myself`, false},
		{`src_ip != myself`, true},
		{`dst_ip == myself`, true},
		{`dst_ip == 127.0.0.1`, true},
		{`src_port == 5070`, true},
		{`src_port != 5070`, false},
		{`src_port < 5070`, false},
		{`src_port <= 5070`, true},
		{`src_port > 5000`, true},
		{`src_port >= 5071`, false},
		{`dst_port == 5060`, true},
		{`proto == UDP`, true},
		{`proto == TCP`, false},
		{`proto != TLS`, true},
		{`proto == "udp"`, true},
		{`proto == local`, false},
		{`af == INET`, true},
		{`af == INET6`, false},
		{`af != INET6`, true},
		{`msg:len > 100`, true},
		{`msg:len >= max_len`, false},
		{`msg:len < 0x10`, false},
		{`len_gt(100)`, true},
		{`len_gt(max_len)`, false},
		{`status == "200"`, false},
		{`status != "200"`, false}, // a request has no status
		{`1`, true},
		{`0`, false},
		{`1 && 0 || 1`, true},
		{`0 && 0 || 0 && 1`, false},
		{`1 || 0 && 0`, true},
		{`(1 || 0) && 0`, false},
		{`method == INVITE & uri == myself | src_port == 1`, true},
		{`method == ACK | uri == myself & src_port == 5070`, true},
		{`method == ACK && uri == myself | src_port == 5070`, true}, // as in SER
		{`not (0 or 1 and 0)`, true},
		{`!!1`, true},
		{`!(1 && 1)`, false},
		{`isflagset(3)`, false},
		{`lookup("location")`, true},
		{`!save("location")`, true},
	} {
		t.Run(x.cond, func(t *testing.T) {
			p := compile(t, "route { if ("+x.cond+") { m_dump(); } }", nil)
			p.returns["save"] = module.False
			if got := strings.Contains(p.request(invite, stranger), "m_dump()"); got != x.want {
				t.Errorf("%s is %v, want %v", x.cond, got, x.want)
			}
		})
	}
}

// TestConditionsOfFlow asks about messages that came otherwise.
func TestConditionsOfFlow(t *testing.T) {
	six := stranger
	six.Proto = transport.TCP
	six.Remote = netip.MustParseAddrPort("[2001:db8::7]:40000")
	loop := stranger
	loop.Remote = netip.MustParseAddrPort("127.0.0.1:5090")
	own := transport.Flow{Proto: transport.Local}
	for _, x := range []struct {
		cond string
		from transport.Flow
		want bool
	}{
		{`af == INET6 && proto == TCP`, six, true},
		{`src_ip == 2001:db8::/32`, six, true},
		{`src_ip == [2001:DB8::7]`, six, true},
		{`src_ip == [2001:db8::]/64`, six, true},
		{`src_ip =~ "^2001:db8:"`, six, true},
		{`src_ip == 10.0.0.0/8`, six, false},
		{`src_ip == myself`, loop, true},
		{`proto == local`, own, true},
		{`proto == UDP`, own, false},
		{`src_ip == myself`, own, true},
		{`src_ip == 127.0.0.1`, own, false},
		{`af == INET || af == INET6`, own, false},
	} {
		t.Run(x.cond, func(t *testing.T) {
			p := compile(t, "route { if "+x.cond+" m_dump(); }", nil)
			if got := p.request(invite, x.from) == "m_dump()"; got != x.want {
				t.Errorf("%s is %v for a message from %+v, want %v", x.cond, got, x.from, x.want)
			}
		})
	}
}

// TestConditionsOfReply asks about a 180, and a failure route about a 486.
func TestConditionsOfReply(t *testing.T) {
	for _, x := range []struct {
		cond          string
		reply, failed bool
	}{
		{`status == "180"`, true, false},
		{`status == 180`, true, false},
		{`status == "486"`, false, true},
		{`status =~ "^4"`, false, true},
		{`status =~ "(183)|(180)|2[0-9][0-9]"`, true, false},
		{`status != "180"`, false, true},
		{`method == "INVITE"`, true, true},
		{`from_uri =~ "alice"`, true, true},
	} {
		t.Run(x.cond, func(t *testing.T) {
			body := "{ if (" + x.cond + ") { append_hf(\"X\"); } }\n"
			p := compile(t, "route { ; } onreply_route[1] "+body+"failure_route[2] "+body, nil)
			p.prog.Reply(p.message(ringing, stranger), 1)
			if got := len(p.calls) == 1; got != x.reply {
				t.Errorf("%s is %v of a 180, want %v", x.cond, got, x.reply)
			}
			p.calls = nil
			r := p.message(invite, stranger)
			r.Final = 486
			p.prog.Failure(r, 2)
			if got := len(p.calls) == 1; got != x.failed {
				t.Errorf("%s is %v of a 486, want %v", x.cond, got, x.failed)
			}
		})
	}
}
