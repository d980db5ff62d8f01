package txn

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// TestKey: which messages belong to one server transaction (RFC 3261 §17.2.3).
func TestKey(t *testing.T) {
	table := New(Config{})
	key := func(m *sip.Message) Key {
		t.Helper()
		k, err := table.KeyOf(m)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	edit := func(branch, old, new string) *sip.Message {
		m := request(t, "INVITE", branch)
		return read(t, strings.ReplaceAll(string(m.Buf), old, new))
	}
	for _, c := range []struct {
		name, branch, old, new string
		same                   bool
	}{
		{"itself", ";branch=z9hG4bK1", "", "", true},
		{"its ACK", ";branch=z9hG4bK1", "INVITE", "ACK", true},
		{"its CANCEL", ";branch=z9hG4bK1", "INVITE", "CANCEL", true},
		{"another method", ";branch=z9hG4bK1", "INVITE", "MESSAGE", false},
		{"another branch", ";branch=z9hG4bK1", "bK1", "bK2", false},
		{"another host", ";branch=z9hG4bK1", "a.example.org:", "b.example.org:", false},
		{"another port", ";branch=z9hG4bK1", ":5060", ":5061", false},
		{"another Call-ID, for the branch is unique", ";branch=z9hG4bK1", "Call-ID: i", "Call-ID: j", true},
		{"old: itself", "", "", "", true},
		{"old: its ACK, To tag and all", ";branch=1", "INVITE", "ACK", true},
		{"old: another number", ";branch=1", "CSeq: 5", "CSeq: 6", false},
		{"old: another Call-ID", "", "Call-ID: i", "Call-ID: j", false},
		{"old: another tag", "", "tag=f", "tag=g", false},
		{"old: another R-URI", "", "sip:b@example.org SIP", "sip:c@example.org SIP", false},
		{"old: the cookie alone is no branch", ";branch=z9hG4bK", "Call-ID: i", "Call-ID: j", false},
	} {
		if got := key(request(t, "INVITE", c.branch)) == key(edit(c.branch, c.old, c.new)); got != c.same {
			t.Errorf("%s: same %v, want %v", c.name, got, c.same)
		}
	}
	other := New(Config{})
	if k, _ := other.KeyOf(request(t, "INVITE", ";branch=z9hG4bK1")); k == key(request(t, "INVITE", ";branch=z9hG4bK1")) {
		t.Error("two tables have the same keys: they can be guessed")
	}
}

// TestSecondCopy: of two copies of a request read at the same time one is entered; the
// other worker gets the first one's, referred to, and gives its own memory back.
func TestSecondCopy(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		m := request(t, "MESSAGE", ";branch=z9hG4bK1")
		first := b.serve(m, udp)
		second := &owner{t: t}
		k, _ := b.table.KeyOf(m)
		b.table.Init(&second.Cell, k.Hash(), second)
		old := second.server.Start(b.table, &second.Cell, k, m, udp, nil)
		if old != &first.server {
			t.Fatalf("got %p, want %p", old, &first.server)
		}
		old.Cell().Unref()
		second.Unref()
		second.gone()
		b.reply(first, 200)
		b.sleep(33 * time.Second)
		first.gone()
	})
}

// TestTableGrows: many transactions are all found, and all go.
func TestTableGrows(t *testing.T) {
	const n = 10000
	inBubble(t, Config{Max: n}, func(b *bubble) {
		var servers, clients []*owner
		for i := range n {
			servers = append(servers, b.serve(request(t, "MESSAGE", fmt.Sprint(";branch=z9hG4bK", i)), udp))
			o := &owner{t: t}
			b.table.Init(&o.Cell, uint64(i), o)
			o.Lock()
			o.client.Prepare(b.table, &o.Cell, o)
			if err := o.client.Start(sip.MESSAGE, udp, []byte("MESSAGE"), b); err != nil {
				t.Fatal(err)
			}
			o.Unlock()
			o.Unref()
			clients = append(clients, o)
		}
		if s, c := b.table.Current(); s != n || c != n || !b.table.Full(false) {
			t.Fatalf("%d and %d transactions, full: %v", s, c, b.table.Full(false))
		}
		for i := range n {
			if !b.repeat(servers[i]) {
				t.Fatalf("server transaction %d is not found", i)
			}
			if i%2 == 0 && !b.respond(clients[i], 200, "MESSAGE", "x") {
				t.Fatalf("client transaction %d is not found", i)
			}
			b.reply(servers[i], 200)
		}
		b.took()
		b.sleep(33 * time.Second)
		for i := range n {
			servers[i].gone()
			clients[i].gone()
		}
	})
}

// TestTimers: armed anew it rings once and late; disarmed, not at all; longer than the
// wheel, in its time.
func TestTimers(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		o := &ringer{owner: owner{t: t}}
		b.table.Init(&o.Cell, 5, &o.owner)
		var timers [4]Timer
		o.Lock()
		for i := range timers {
			timers[i].Init(&o.Cell, o)
			timers[i].Arm(time.Second)
		}
		o.names = map[*Timer]string{&timers[0]: "second", &timers[1]: "anew", &timers[2]: "stopped", &timers[3]: "long"}
		timers[1].Arm(5 * time.Second)
		timers[2].Disarm()
		timers[2].Disarm()
		timers[3].Arm(100 * time.Second)
		o.start = time.Now()
		o.Unlock()
		o.Unref()
		b.sleep(102 * time.Second)
		synctest.Wait()
		if got := strings.Join(o.rang, ", "); got != "second after 1s, anew after 5s, long after 1m40s" {
			t.Error(got)
		}
		o.gone()
	})
}

type ringer struct {
	owner
	names map[*Timer]string
	start time.Time
	rang  []string
}

func (r *ringer) Expired(t *Timer, _ Out) {
	r.rang = append(r.rang, fmt.Sprintf("%s after %v", r.names[t], time.Since(r.start).Round(time.Second)))
}

// TestReleasedTwice: what takes one reference too many is found at once.
func TestReleasedTwice(t *testing.T) {
	o := &owner{t: t}
	New(Config{}).Init(&o.Cell, 1, o)
	o.Unref()
	defer func() {
		if recover() == nil {
			t.Error("nobody noticed")
		}
	}()
	o.Unref()
}

func TestBuffers(t *testing.T) {
	var p Buffers
	for _, n := range []int{0, 1, 512, 513, 2048, 4097, 65536, 65537, 200000} {
		text := []byte(strings.Repeat("x", n))
		b := p.Copy(text)
		if string(b.B) != string(text) {
			t.Fatalf("%d bytes came back as %d", n, len(b.B))
		}
		kept := b.B[:cap(b.B)]
		p.Give(b)
		if transport.Poison && n > 0 && n <= 65536 && kept[0] == 'x' {
			t.Errorf("a buffer of %d bytes is not overwritten when it is given back", n)
		}
		if again := p.Copy(text); n <= 65536 && again != b {
			t.Errorf("a buffer of %d bytes is not used again", n)
		}
	}
	p.Give(nil)
}

// machine is a transaction of RFC 3261 §17 as a table of what may happen, without times.
type machine struct {
	b     *bubble
	o     *owner
	model string // trying, proceeding, completed, confirmed, accepted, gone
}

// tenth is a tenth of the times of RFC 3261: the clock of a bubble stands at each of its ticks.
// Timer D is 32 s in any case, so that only the server's transactions are so fast.
var tenth = Config{T1: 50 * time.Millisecond, T2: 400 * time.Millisecond, T4: 500 * time.Millisecond}

// beyond is longer than every timer of a server transaction by tenth, the longest 64·T1.
const beyond = 4 * time.Second

// TestServerModel: whatever comes in whatever order, the server transaction is in the
// state that the RFC says, and sends what it says.
func TestServerModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		method := rapid.SampledFrom([]string{"INVITE", "MESSAGE"}).Draw(r, "method")
		flow := rapid.SampledFrom([]transport.Flow{udp, tcp}).Draw(r, "flow")
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"180", "200", "486", "repeat", "ack", "wait"}), 1, 12).Draw(r, "steps")
		inBubble(t, tenth, func(b *bubble) {
			m := &machine{b, b.serve(request(t, method, ";branch=z9hG4bK1"), flow), "trying"}
			for i, step := range steps {
				if want, got := m.server(step, method == "INVITE", flow.Proto.Reliable()); got != want {
					t.Errorf("%v step %d: sent %q, want %q", steps, i, got, want)
				}
			}
			m.b.locked(m.o.server.key, func(x *Server) { x.Abort() })
			b.sleep(beyond)
			m.o.gone()
		})
	})
}

// server makes one step and returns what was to be sent and what was sent.
func (m *machine) server(step string, invite, reliable bool) (want, got string) {
	m.b.took()
	last := m.o.server.status
	switch step {
	case "180", "200", "486":
		status := map[string]int{"180": 180, "200": 200, "486": 486}[step]
		open := m.model == "trying" || m.model == "proceeding"
		if open || m.model == "accepted" && status == 200 {
			want = step
		}
		switch {
		case open && status == 180:
			m.model = "proceeding"
		case open && status == 200 && invite:
			m.model = "accepted"
		case open:
			m.model = "completed"
		}
		m.b.reply(m.o, status)
	case "repeat":
		if m.model == "proceeding" || m.model == "completed" {
			want = fmt.Sprint(last)
		}
		m.b.repeat(m.o)
	case "ack":
		if m.model == "completed" && invite {
			m.model = "confirmed"
			if reliable {
				m.model = "gone"
			}
		}
		m.b.ack(m.o)
	case "wait":
		m.b.sleep(beyond)
		if m.model != "trying" && m.model != "proceeding" {
			m.model = "gone"
		}
		m.b.took() // Timer G
		return "", ""
	}
	if got = m.b.took(); got != "" {
		_, got, _ = strings.Cut(got, " ")
	}
	return want, got
}

// TestClientModel is the same for the client transaction: what its user hears.
func TestClientModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		method := rapid.SampledFrom([]string{"INVITE", "MESSAGE"}).Draw(r, "method")
		flow := rapid.SampledFrom([]transport.Flow{udp, tcp}).Draw(r, "flow")
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"100", "180", "200", "486", "603", "wait", "down"}), 1, 12).Draw(r, "steps")
		inBubble(t, Config{}, func(b *bubble) {
			o := b.call(method, flow)
			var want []string
			model := "calling"
			for _, step := range steps {
				open := model == "calling" || model == "proceeding"
				switch step {
				case "wait": // longer than every timer
					b.sleep(40 * time.Second)
					if model == "calling" || model == "proceeding" && method != "INVITE" {
						want = append(want, ErrTimeout.Error())
					}
					if model != "proceeding" || method != "INVITE" { // it rings until somebody else has enough
						model = "gone"
					}
				case "down":
					b.table.FlowDown(tcp, ErrTimeout, b)
					if open && flow == tcp {
						want = append(want, ErrTimeout.Error())
						model = "gone"
					}
				default:
					status := int(step[0]-'0') * 100
					switch {
					case open && status == 100:
						want, model = append(want, step), "proceeding"
					case open && status == 200 && method == "INVITE":
						want, model = append(want, step), "accepted"
					case open:
						want, model = append(want, step), "completed"
					case model == "accepted" && status == 200:
						want = append(want, step)
					}
					_, _ = fmt.Sscan(step, &status)
					b.respond(o, status, method, "x")
				}
			}
			if got := o.said(); got != strings.Join(want, ", ") {
				t.Errorf("%v: heard %q, want %q", steps, got, want)
			}
			o.alive(func() { o.client.GiveUp() })
			b.sleep(40 * time.Second)
			o.gone()
		})
	})
}

// alive runs f with the cell locked, if it is still there.
func (o *owner) alive(f func()) {
	if o.released.Load() > 0 {
		return
	}
	o.Ref()
	o.Lock()
	f()
	o.Unlock()
	o.Unref()
}
