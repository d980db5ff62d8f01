package nathelper

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// parts is how many parts the table of a test has.
const parts = 16

// table is the location table of a test.
type table struct {
	mu      sync.Mutex
	rows    map[string]row
	dropped []string
}

type row struct {
	contact  string
	flow     transport.Flow
	natted   bool
	modified time.Time
}

func (x *table) Parts() int { return parts }

func idOf(aor string) (id phoneID) {
	copy(id[:], aor)
	return id
}

func (x *table) Reached(part int, all bool, yield func(aor string, id [16]byte, modified int64, contact []byte, flow transport.Flow)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for aor, r := range x.rows {
		if int(aor[0])%parts == part && (all || r.natted) {
			yield(aor, idOf(aor), r.modified.UnixMilli(), []byte(r.contact), r.flow)
		}
	}
}

func (x *table) Drop(aor string, id [16]byte, modified int64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r, ok := x.rows[aor]; !ok || id != idOf(aor) || r.modified.UnixMilli() != modified {
		return false
	}
	delete(x.rows, aor)
	x.dropped = append(x.dropped, aor)
	return true
}

// gone are the addresses that were dropped.
func (x *table) gone() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.Join(x.dropped, " ")
}

func (x *table) set(aor string, r row) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.modified.IsZero() {
		r.modified = time.Now()
	}
	if x.rows == nil {
		x.rows = map[string]row{}
	}
	x.rows[aor] = r
}

// ether is what a test's router sends into.
type ether struct {
	mu   sync.Mutex
	sent []sent
	// answer, if set, gets each ping and may answer it.
	answer func(flow transport.Flow, msg string)
	gone   map[uint64]bool // connections
	err    error
}

type sent struct {
	at   time.Time
	flow transport.Flow
	msg  string
}

func (e *ether) Send(f transport.Flow, msg []byte) error {
	if f.Conn != 0 && !e.Usable(f) {
		return transport.ErrFlowGone
	}
	e.mu.Lock()
	e.sent = append(e.sent, sent{time.Now(), f, string(msg)})
	answer, err := e.answer, e.err
	e.mu.Unlock()
	if answer != nil {
		answer(f, string(msg))
	}
	return err
}

func (e *ether) Usable(f transport.Flow) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.gone[f.Conn]
}

func (e *ether) Sockets() []transport.Socket {
	return []transport.Socket{{Proto: transport.UDP, Via: []byte("UDP 198.51.100.1:5060"), HostPort: []byte("198.51.100.1:5060")}}
}

// change changes how the ether behaves.
func (e *ether) change(f func(e *ether)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e)
}

func (e *ether) take() []sent {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := e.sent
	e.sent = nil
	return list
}

// udp is the flow of a phone behind a NAT.
func udp(n int) transport.Flow {
	return transport.Flow{Proto: transport.UDP, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n >> 8)}), uint16(40000+n))}
}

// bench is a running module.
type bench struct {
	m *Module
	x *table
	e *ether
}

func bubble(t *testing.T, test func(b *bench), params ...[2]string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{x: &table{}, e: &ether{gone: map[uint64]bool{}}}
		b.m = New(Config{Locations: b.x})
		for _, p := range params {
			if err := moduletest.Set(t, b.m, p[0], p[1]); err != nil {
				t.Fatal(err)
			}
		}
		b.m.Attach(b.e)
		if err := b.m.Init(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		defer func() { cancel(); <-done }()
		// Each test begins with the module's next round, not within one.
		go func() { defer close(done); time.Sleep(time.Second); b.m.Run(ctx) }()
		test(b)
	})
}

// statistic is one of the module's counters.
func (b *bench) statistic(name string) (n int64) {
	b.m.Statistics(func(_, key string, value int64) {
		if key == name {
			n = value
		}
	})
	return n
}

// answers has phones answer with a status, but for those of the silent addresses.
func (b *bench) answers(t *testing.T, status int, silent ...string) {
	answer := func(_ transport.Flow, msg string) {
		for _, s := range silent {
			if strings.Contains(msg, s) {
				return
			}
		}
		if !strings.HasPrefix(msg, "OPTIONS") {
			return
		}
		if !b.m.Answered([]byte(reply(t, msg, status))) {
			t.Errorf("the answer to %q is not taken", msg)
		}
	}
	b.e.change(func(e *ether) { e.answer = answer })
}

// reply is a phone's response to a request.
func reply(t testing.TB, msg string, status int) string {
	t.Helper()
	var m sip.Message
	if err := m.Parse([]byte(msg)); err != nil {
		t.Fatalf("%v in %q", err, msg)
	}
	return string(m.AppendReply(nil, &sip.Reply{Status: status, ToTag: []byte("x")}))
}

var (
	every30 = [2]string{"natping_interval", "30"}
	byOPT   = [2]string{"sipping_from", "sip:pinger@example.org"}
	drop120 = [2]string{"keepalive_timeout", "120"}
)

// TestOnlyNatted: four zero bytes go to phones behind a NAT, once in the interval; with
// ping_nated_only 0 to all.
func TestOnlyNatted(t *testing.T) {
	for _, x := range []struct {
		params [][2]string
		want   int
	}{{[][2]string{every30}, 1}, {[][2]string{every30, {"ping_nated_only", "0"}}, 2}} {
		bubble(t, func(b *bench) {
			b.x.set("alice", row{contact: "sip:alice@10.0.0.1", flow: udp(1), natted: true})
			b.x.set("bob", row{contact: "sip:bob@192.0.2.1", flow: udp(2)})
			time.Sleep(91 * time.Second)
			list := b.e.take()
			if len(list) != 3*x.want {
				t.Fatalf("%d pings in three intervals, want %d", len(list), 3*x.want)
			}
			for _, s := range list {
				if s.msg != "\x00\x00\x00\x00" || s.flow != udp(1) && x.want == 1 {
					t.Errorf("sent %q to %v", s.msg, s.flow.Remote)
				}
			}
			if n := b.statistic("sent_pings"); n != int64(3*x.want) {
				t.Errorf("sent_pings is %d", n)
			}
		}, x.params...)
	}
}

// TestOffByDefault: nothing is sent until natping_interval says so.
func TestOffByDefault(t *testing.T) {
	bubble(t, func(b *bench) {
		b.x.set("alice", row{contact: "sip:alice@10.0.0.1", flow: udp(1), natted: true})
		time.Sleep(time.Hour)
		if list := b.e.take(); len(list) != 0 {
			t.Errorf("sent %d", len(list))
		}
	})
}

// TestSpread: the pings of many phones are spread over the interval; no second has much
// more than its share, whichever parts of the table the phones are in.
func TestSpread(t *testing.T) {
	for name, letter := range map[string]func(i int) byte{
		"all parts": func(i int) byte { return byte('a' + i%16) },
		"one part":  func(int) byte { return 'a' },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(b *bench) {
				const n = 3000
				for i := range n {
					b.x.set(fmt.Sprintf("%c%d", letter(i), i), row{contact: "sip:x@10.0.0.1", flow: udp(i), natted: true})
				}
				time.Sleep(31*time.Second - pause) // the round ends at 31 s
				list := b.e.take()
				if len(list) != n {
					t.Fatalf("%d pings, want %d", len(list), n)
				}
				most, at := 0, map[int64]int{}
				for _, s := range list {
					slot := s.at.UnixMilli() / 100
					at[slot]++
					most = max(most, at[slot])
				}
				// 30 s have 300 slots of 100 ms: 10 pings each, or 160 where all are in a
				// sixteenth of the time.
				share := 10
				if name == "one part" {
					share *= parts
				}
				if most > 2*share {
					t.Errorf("%d pings in 100 ms, want about %d", most, share)
				}
			}, every30)
		})
	}
}

// TestRequest: what the SIP ping says; any answer is taken and counted, once.
func TestRequest(t *testing.T) {
	bubble(t, func(b *bench) {
		b.x.set("alice", row{contact: "sip:alice@10.0.0.1:5060;transport=udp", flow: udp(1), natted: true})
		b.x.set("eve", row{contact: "sip:eve@10.0.0.1>\r\nX: y", flow: udp(2), natted: true})
		time.Sleep(30 * time.Second)
		list := b.e.take()
		if len(list) != 2 {
			t.Fatalf("sent %d", len(list))
		}
		for _, s := range list {
			if s.flow == udp(2) {
				if s.msg != string(zeros) {
					t.Errorf("a contact that breaks its line gets %q", s.msg)
				}
				continue
			}
			var m sip.Message
			if err := m.Parse([]byte(s.msg)); err != nil {
				t.Fatalf("%v in %q", err, s.msg)
			}
			v, err := m.Via()
			if err != nil || string(v.Host) != "198.51.100.1" || !strings.Contains(s.msg, ";rport") {
				t.Errorf("Via %+v, %v", v, err)
			}
			if string(m.RequestURI()) != "sip:alice@10.0.0.1:5060;transport=udp" || m.Method != sip.OPTIONS ||
				!strings.HasPrefix(string(m.HeaderValue(sip.HdrFrom)), "<sip:pinger@example.org>;tag=") {
				t.Errorf("sent %q", s.msg)
			}
			for _, status := range []int{200, 404, 501} {
				if !b.m.Answered([]byte(reply(t, s.msg, status))) {
					t.Errorf("an answer of %d is not taken", status)
				}
			}
		}
		if n := b.statistic("answered_pings"); n != 3 {
			t.Errorf("answered_pings is %d", n) // without keepalive_timeout each answer counts
		}
	}, every30, byOPT)
}

// TestForeignAnswers: what is no answer to a ping of this process goes its way.
func TestForeignAnswers(t *testing.T) {
	bubble(t, func(b *bench) {
		b.x.set("alice", row{contact: "sip:alice@10.0.0.1", flow: udp(1), natted: true})
		time.Sleep(30 * time.Second) // within the first round
		ping := b.e.take()[0].msg
		good := reply(t, ping, 200)
		at := strings.Index(good, marker) + len(marker)
		for name, msg := range map[string]string{
			"the ping itself":     ping,
			"another response":    strings.ReplaceAll(good, marker, "z9hG4bKother-"),
			"another hash":        good[:at+proofLen-1] + "!" + good[at+proofLen:],
			"another phone":       good[:at+8] + "00" + good[at+10:],
			"cut off":             good[:at+proofLen-1],
			"the marker's begin":  "SIP/2.0 200 OK\r\n" + marker,
			"nothing":             "",
			"another process's":   strings.Replace(good, good[at:at+proofLen], string(New(Config{}).appendProof(nil, 1, idOf("alice"))), 1),
			"a round of long ago": strings.Replace(good, good[at:at+proofLen], string(b.m.appendProof(nil, b.m.round.Load()-roundsBack, idOf("alice"))), 1),
			"a round to come":     strings.Replace(good, good[at:at+proofLen], string(b.m.appendProof(nil, b.m.round.Load()+1, idOf("alice"))), 1),
		} {
			if b.m.Answered([]byte(msg)) {
				t.Errorf("%s is taken for an answer", name)
			}
		}
		if !b.m.Answered([]byte(good)) {
			t.Error("the answer is not taken")
		}
	}, every30, byOPT)
}

// TestSilentPhone: who answers nothing for keepalive_timeout is dropped, who answers
// anything stays, and without the timeout all stay.
func TestSilentPhone(t *testing.T) {
	bubble(t, func(b *bench) {
		b.x.set("alice", row{contact: "sip:alice@10.0.0.1", flow: udp(1), natted: true})
		b.x.set("bob", row{contact: "sip:bob@10.0.0.2", flow: udp(2), natted: true})
		b.answers(t, 404, "bob")
		time.Sleep(119 * time.Second)
		if b.x.gone() != "" || b.statistic("silent_contacts") != 1 {
			t.Fatalf("dropped %q before its time, %d silent", b.x.gone(), b.statistic("silent_contacts"))
		}
		time.Sleep(60 * time.Second)
		if b.x.gone() != "bob" || b.statistic("dropped_contacts") != 1 || b.statistic("silent_contacts") != 0 {
			t.Errorf("dropped %q, the statistics say %d, %d silent", b.x.gone(), b.statistic("dropped_contacts"), b.statistic("silent_contacts"))
		}
		time.Sleep(time.Hour)
		if b.x.gone() != "bob" {
			t.Errorf("later %q are dropped", b.x.gone())
		}
	}, every30, byOPT, drop120)
	bubble(t, func(b *bench) {
		b.x.set("bob", row{contact: "sip:bob@10.0.0.2", flow: udp(2), natted: true})
		time.Sleep(time.Hour)
		if b.x.gone() != "" || b.statistic("silent_contacts") != 0 {
			t.Errorf("dropped %q without keepalive_timeout", b.x.gone())
		}
	}, every30, byOPT)
}

// TestSignsOfLife: a REGISTER, or one answer among lost ones, begins the time anew.
func TestSignsOfLife(t *testing.T) {
	bubble(t, func(b *bench) {
		bob := row{contact: "sip:bob@10.0.0.2", flow: udp(2), natted: true}
		b.x.set("bob", bob)
		b.x.set("lossy", row{contact: "sip:lossy@10.0.0.3", flow: udp(3), natted: true})
		n := 0
		b.e.change(func(e *ether) {
			e.answer = func(f transport.Flow, msg string) {
				if f == udp(3) {
					if n++; n%3 == 0 {
						b.m.Answered([]byte(reply(t, msg, 200)))
					}
				}
			}
		})
		for range 20 {
			time.Sleep(100 * time.Second)
			b.x.set("bob", bob) // a refresh
		}
		if b.x.gone() != "" {
			t.Fatalf("dropped %q", b.x.gone())
		}
		time.Sleep(200 * time.Second)
		if b.x.gone() != "bob" {
			t.Errorf("dropped %q, want bob, who does not register any more", b.x.gone())
		}
	}, every30, byOPT, drop120)
}

// TestStreams: a connection gets a line end; when it is gone its binding is dropped; a
// WebSocket is left alone.
func TestStreams(t *testing.T) {
	bubble(t, func(b *bench) {
		stream := func(p transport.Proto, conn uint64) transport.Flow {
			f := udp(int(conn))
			f.Proto, f.Conn = p, conn
			return f
		}
		b.x.set("tcp", row{contact: "sip:tcp@10.0.0.1;transport=tcp", flow: stream(transport.TCP, 1), natted: true})
		b.x.set("lost", row{contact: "sip:lost@10.0.0.1;transport=tls", flow: stream(transport.TLS, 2), natted: true})
		b.x.set("web", row{contact: "sip:web@x.invalid;transport=ws", flow: stream(transport.WSS, 3), natted: true})
		time.Sleep(30 * time.Second)
		for _, s := range b.e.take() {
			if s.msg != "\r\n" || s.flow.Conn == 3 {
				t.Errorf("sent %q on %+v", s.msg, s.flow)
			}
		}
		b.e.change(func(e *ether) { e.gone[2] = true })
		time.Sleep(200 * time.Second)
		if b.x.gone() != "lost" {
			t.Errorf("dropped %q", b.x.gone())
		}
		b.e.change(func(e *ether) { e.gone[3] = true })
		time.Sleep(200 * time.Second)
		if b.x.gone() != "lost web" {
			t.Errorf("dropped %q, want the WebSocket that is gone, too", b.x.gone())
		}
	}, every30, byOPT, drop120)
}

// TestNetworkAway: while the router cannot send, no phone's silence is counted, and
// those who were about to answer get the whole time again.
func TestNetworkAway(t *testing.T) {
	bubble(t, func(b *bench) {
		b.x.set("alice", row{contact: "sip:alice@10.0.0.1", flow: udp(1), natted: true})
		b.x.set("bob", row{contact: "sip:bob@10.0.0.2", flow: udp(2), natted: true})
		b.answers(t, 200, "bob") // whose answer is on its way when the network goes
		time.Sleep(100 * time.Second)
		if b.statistic("silent_contacts") != 1 {
			t.Fatalf("%d are silent, want bob", b.statistic("silent_contacts"))
		}
		b.e.change(func(e *ether) { e.err, e.answer = errors.New("network is unreachable"), nil })
		sent := b.statistic("sent_pings")
		time.Sleep(time.Hour)
		if b.x.gone() != "" || b.statistic("failed_pings") < 200 || b.statistic("sent_pings") != sent || b.statistic("silent_contacts") != 0 {
			t.Fatalf("without a network: dropped %q, failed_pings %d, sent_pings %d before and %d now, silent_contacts %d",
				b.x.gone(), b.statistic("failed_pings"), sent, b.statistic("sent_pings"), b.statistic("silent_contacts"))
		}
		b.e.change(func(e *ether) { e.err = nil })
		b.answers(t, 200, "bob")
		time.Sleep(119 * time.Second)
		if b.x.gone() != "" {
			t.Fatalf("dropped %q before its time", b.x.gone())
		}
		time.Sleep(60 * time.Second)
		if b.x.gone() != "bob" {
			t.Errorf("dropped %q, want bob, who is silent in a network that is there", b.x.gone())
		}
	}, every30, byOPT, drop120)
}

// TestNetworkGoesAtTheLastPing: the ping after which a phone would be dropped has to
// leave the router.
func TestNetworkGoesAtTheLastPing(t *testing.T) {
	bubble(t, func(b *bench) {
		b.x.set("bob", row{contact: "sip:bob@10.0.0.2", flow: udp(2), natted: true})
		time.Sleep(119 * time.Second)
		b.e.change(func(e *ether) { e.err = errors.New("network is unreachable") })
		time.Sleep(time.Hour)
		if b.x.gone() != "" {
			t.Errorf("dropped %q", b.x.gone())
		}
	}, every30, byOPT, drop120)
}

// TestSocketGone: a phone that was heard on an address that the router does not listen
// on any more is as silent as one that does not answer.
func TestSocketGone(t *testing.T) {
	bubble(t, func(b *bench) {
		b.x.set("bob", row{contact: "sip:bob@10.0.0.2", flow: udp(2), natted: true})
		b.e.change(func(e *ether) { e.err = fmt.Errorf("sending: %w", transport.ErrNoSocket) })
		time.Sleep(200 * time.Second)
		if b.x.gone() != "bob" || b.statistic("failed_pings") == 0 {
			t.Errorf("dropped %q, failed_pings %d", b.x.gone(), b.statistic("failed_pings"))
		}
	}, every30, byOPT, drop120)
}

// TestSilentIsBounded: with more silent phones than are watched, which is the network's
// fault, the rest stays, and who has left the table is forgotten.
func TestSilentIsBounded(t *testing.T) {
	var s silent
	id := func(i int) phoneID { return phoneID{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)} }
	for i := range maxSilent {
		s.ping(id(i), 0, 1000, 1)
	}
	for _, now := range []int64{1000, 900_000} {
		if d := s.ping(id(maxSilent), 0, now, 2); d != 0 {
			t.Errorf("one too many is silent for %d ms", d)
		}
	}
	if d := s.ping(id(5), 0, 3000, 2); d != 2000 {
		t.Errorf("silent for %d ms, want 2000", d)
	}
	if s.sweep(2); s.count() != 1 || !s.forget(id(5)) || s.forget(id(5)) {
		t.Errorf("%d are left", s.count())
	}
}

// FuzzAnswered: nothing that comes from the network harms or is taken for an answer.
func FuzzAnswered(f *testing.F) {
	m := New(Config{})
	m.on.Store(true)
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=" + marker + strings.Repeat("0", proofLen) + "\r\n\r\n"))
	f.Add([]byte("SIP/2.0 200 OK\r\n" + marker))
	f.Add([]byte("OPTIONS sip:x SIP/2.0\r\n"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if m.Answered(msg) {
			t.Errorf("%q is taken for an answer", msg)
		}
	})
}
