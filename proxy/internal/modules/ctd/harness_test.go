package ctd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
	"seraph/proxy/internal/ua"
)

// TestMain fails if a goroutine is left when everything has ended.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			os.Exit(code)
		}
	}
	stacks := make([]byte, 1<<20)
	fmt.Printf("goroutines are left:\n%s\n", stacks[:runtime.Stack(stacks, true)])
	os.Exit(1)
}

// script is the routing script of the tests: everybody but the router itself is
// challenged, and a user is at the phone that is in the table.
type script struct {
	mu     sync.Mutex
	phones map[string]transport.Flow
	uris   map[string]string
	secret bool // challenge
	drop   bool // end without a word
}

func (s *script) NewRequest() *relay.Request     { return &relay.Request{} }
func (s *script) Failure(*relay.Request, int)    {}
func (s *script) Reply(*relay.Request, int) bool { return true }
func (s *script) Request(r *relay.Request) {
	if r.Msg.Method == sip.REGISTER { // the tests' phones say so where they are
		to, _ := r.Msg.To()
		var u sip.URI
		_ = sip.ParseURI(to.URI, &u)
		s.mu.Lock()
		s.phones[string(u.User)], s.uris[string(u.User)] = r.From, "sip:"+string(u.User)+"@10.9.8.7:5060"
		s.mu.Unlock()
		_ = r.ReplyStateless(&sip.Reply{Status: 200})
		return
	}
	if r.LooseRoute() {
		_ = r.Relay()
		return
	}
	if to, _ := r.Msg.To(); to.Tag != nil {
		_ = r.ReplyStateless(&sip.Reply{Status: 404})
		return
	}
	s.mu.Lock()
	secret, drop := s.secret, s.drop
	s.mu.Unlock()
	if r.Local == nil && secret && !s.authenticated(r) {
		_ = r.ReplyStateless(&sip.Reply{Status: 407, Extra: []byte("Proxy-Authenticate: Digest realm=\"example.org\", nonce=\"n\"\r\n")})
		return
	}
	if drop {
		return
	}
	u, err := r.URI()
	if err != nil {
		_ = r.ReplyStateless(&sip.Reply{Status: 400})
		return
	}
	s.mu.Lock()
	flow, ok := s.phones[string(u.User)]
	uri := s.uris[string(u.User)]
	s.mu.Unlock()
	if !ok {
		_ = r.ReplyStateless(&sip.Reply{Status: 480})
		return
	}
	r.RecordRoute()
	_ = r.SetURI([]byte(uri))
	r.Main.Flow = flow
	if err := r.Relay(); err != nil {
		_ = r.Reply(&sip.Reply{Status: 500})
	}
}

// authenticated takes a username for the proof.
func (s *script) authenticated(r *relay.Request) bool {
	h := r.Msg.Header(sip.HdrProxyAuthorization)
	if h == nil {
		return false
	}
	_, user, ok := strings.Cut(string(r.Msg.Value(h)), `username="`)
	user, _, _ = strings.Cut(user, `"`)
	r.Auth = relay.Identity{User: r.Keep([]byte(user)), Domain: r.Keep([]byte("example.org"))}
	return ok
}

// stand is a router with click-to-dial on loopback, and the phones of alice and
// bob. Both give a Contact at which they cannot be reached, as behind a NAT.
type stand struct {
	t      *testing.T
	module *Module
	agent  *ua.Agent
	engine *relay.Engine
	script *script
	addr   netip.AddrPort
	events chan ctlproto.CtdStatus
	overs  chan string // what Over was told: the callee's tag, and by whom

	alice, bob *phone
	phones     []*phone
}

const t1 = 10 * time.Millisecond

func newStand(t *testing.T) *stand {
	t.Helper()
	t.Parallel()
	s := &stand{
		t: t, events: make(chan ctlproto.CtdStatus, 1000), overs: make(chan string, 100),
		script: &script{phones: map[string]transport.Flow{}, uris: map[string]string{}, secret: true},
	}
	log := slog.New(slog.DiscardHandler)
	s.agent = ua.New(ua.Config{Log: log})
	s.module = New(Config{
		Agent: s.agent, Log: log, Local: func(domain string) bool { return domain == "example.org" },
		Over: func(callID, fromTag, toTag, by string) {
			if callID == "" || fromTag == "" {
				t.Errorf("over: Call-ID %q, From tag %q", callID, fromTag)
			}
			s.overs <- toTag + " " + by
		},
		Publish: func(topic string, data any) {
			if topic == ctlproto.TopicCtd {
				s.events <- data.(ctlproto.CtdStatus)
			}
		},
	})
	s.engine = relay.New(relay.Config{
		Hooks: s.script, Log: log, Txn: txn.Config{T1: t1, T4: 50 * time.Millisecond},
		UserAgent: UserAgent(s.agent), Observer: s.module,
	})
	layer, err := transport.New(transport.Config{Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: "127.0.0.1:0"}, {Proto: transport.TCP, Addr: "127.0.0.1:0"},
	}}, s.engine, log)
	if err != nil {
		t.Fatal(err)
	}
	resolver := transport.NewResolver(transport.ResolverConfig{})
	s.engine.Attach(layer, resolver)
	s.agent.Attach(Router{s.engine}, layer, s.engine.Table(), resolver.Lookup)
	s.module.Attach(s.engine)
	s.addr = layer.Sockets()[0].Addr
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.engine.Run(ctx) }()
	layer.Start()
	s.alice, s.bob = s.phone("alice"), s.phone("bob")
	t.Cleanup(func() {
		if !t.Failed() {
			s.nothingLeft()
		}
		for _, p := range s.phones {
			p.conn.Close()
		}
		_ = layer.Close(context.Background())
		cancel()
		<-done
	})
	return s
}

// until waits for a condition, at most ten seconds.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// statistic reads a counter of the module.
func (s *stand) statistic(name string) (n int64) {
	s.module.Statistics(func(_, k string, v int64) {
		if k == name {
			n = v
		}
	})
	return n
}

// nothingLeft waits until neither attempt nor dialog nor transaction is left.
func (s *stand) nothingLeft() {
	s.t.Helper()
	until(s.t, "ctd:active 0", func() bool { return s.statistic("active") == 0 })
	until(s.t, "ua:dialogs 0", func() bool { return s.agent.Dialogs() == 0 })
	until(s.t, "tm:current 0", func() bool { return s.engine.Transactions() == 0 })
	if n, m := s.module.watching.Load(), s.module.tracking.Load(); n != 0 || m != 0 || len(s.module.byCaller) != 0 || len(s.module.byKey) != 0 {
		s.t.Errorf("still on the look-out: %d watched, %d tracked", n, m)
	}
}

// dial clicks bob for alice.
func (s *stand) dial() string {
	s.t.Helper()
	return s.dialTo("sip:bob@example.org")
}

func (s *stand) dialTo(callee string) string {
	s.t.Helper()
	id, err := s.module.Dial(s.t.Context(), ctlproto.CtdDialParams{Caller: "alice@example.org", Callee: callee, CalleeName: "Bob Keller", Actor: "alice"})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// want waits for the event that brings the state.
func (s *stand) want(state ctlproto.CtdState) ctlproto.CtdStatus {
	s.t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		select {
		case e := <-s.events:
			if e.State == state {
				return e
			}
			if e.Ended {
				s.t.Fatalf("ended as %+v, want %s", e, state)
			}
		case <-deadline:
			s.t.Fatalf("no event with state %s", state)
		}
	}
}

// ended waits for the end and compares it.
func (s *stand) ended(id string, state ctlproto.CtdState, outcome ctlproto.CtdOutcome, code int) ctlproto.CtdStatus {
	s.t.Helper()
	e := s.want(state)
	if !e.Ended || e.Message != outcome || e.Code != code || e.Cancellable {
		s.t.Errorf("ended as %+v, want %q with code %d", e, outcome, code)
	}
	got, ok := s.module.Status(id)
	if !ok || got.State != state || got.Message != outcome {
		s.t.Errorf("status %+v, %v", got, ok)
	}
	return e
}

// cancellable waits until the attempt can be cancelled, or not.
func (s *stand) cancellable(id string, want bool) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("cancellable to be %v", want), func() bool {
		st, ok := s.module.Status(id)
		return ok && st.Cancellable == want
	})
}

// states are those that an attempt went through.
func states(s ctlproto.CtdStatus) string {
	var all []string
	for _, step := range s.Steps {
		all = append(all, string(step.State))
	}
	return strings.Join(all, " ")
}

// phone is a telephone on a socket of its own.
type phone struct {
	s    *stand
	name string
	via  string // UDP or TCP
	conn net.Conn
	in   chan *sip.Message

	invite *sip.Message // of the router's user agent
	cseq   int
	seen   []*sip.Message
}

func (s *stand) phone(name string) *phone { return s.phoneOn(name, "udp") }

func (s *stand) phoneOn(name, network string) *phone {
	s.t.Helper()
	addr := s.addr
	if network == "tcp" {
		addr = s.engine.Sockets()[1].Addr
	}
	c, err := net.Dial(network, addr.String())
	if host, ok := strings.CutPrefix(name, "@"); ok { // somebody at another address
		name = "mallory"
		c, err = (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(host)}}).Dial(network, addr.String())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	p := &phone{s: s, name: name, via: strings.ToUpper(network), conn: c, in: make(chan *sip.Message, 1000)}
	s.phones = append(s.phones, p)
	go p.read()
	p.write([]byte("REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/" + p.via + " 10.9.8.7:5060;rport;branch=z9hG4bKr\r\n" +
		"From: <sip:" + name + "@example.org>;tag=r\r\nTo: <sip:" + name + "@example.org>\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"))
	p.expect("SIP/2.0 200")
	return p
}

// read takes messages until the socket is closed.
func (p *phone) read() {
	buf := make([]byte, 0, 1<<16)
	for {
		n, err := p.conn.Read(buf[len(buf):cap(buf)])
		if err != nil {
			return
		}
		buf = buf[:len(buf)+n]
		for len(buf) > 0 {
			m := &sip.Message{}
			if m.Parse(slices.Clone(buf)) != nil {
				break // of a stream, not all of it is here yet
			}
			p.in <- m
			buf = append(buf[:0], buf[len(m.Buf):]...)
		}
	}
}

func (p *phone) write(msg []byte) {
	p.s.t.Helper()
	if _, err := p.conn.Write(msg); err != nil {
		p.s.t.Fatal(err)
	}
}

// expect takes messages until one begins so; others that are no repetition of
// what was seen fail.
func (p *phone) expect(start string) *sip.Message {
	p.s.t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		select {
		case m := <-p.in:
			if strings.HasPrefix(string(m.Buf), start) {
				p.seen = append(p.seen, m)
				return m
			}
			if !p.repeated(m) {
				p.s.t.Fatalf("%s's phone got %q, want %q", p.name, m.Buf, start)
			}
		case <-deadline:
			p.s.t.Fatalf("%s's phone got no %q", p.name, start)
		}
	}
}

// repeated reports whether a message is one that was expected before, or a 100.
func (p *phone) repeated(m *sip.Message) bool {
	return m.Status == 100 || slices.ContainsFunc(p.seen, func(o *sip.Message) bool { return string(o.Buf) == string(m.Buf) })
}

// silent fails if anything new came.
func (p *phone) silent() {
	p.s.t.Helper()
	for {
		select {
		case m := <-p.in:
			if !p.repeated(m) {
				p.s.t.Errorf("%s's phone got %q", p.name, m.Buf)
			}
		default:
			return
		}
	}
}

// answer answers a request.
func (p *phone) answer(m *sip.Message, status int, lines ...string) {
	p.s.t.Helper()
	rep := sip.Reply{Status: status, ToTag: []byte(p.name + "-tag"), RecordRoute: true}
	for _, l := range lines {
		rep.Extra = append(rep.Extra, l+"\r\n"...)
	}
	p.write(m.AppendReply(nil, &rep))
}

func (p *phone) contact() string { return "Contact: <sip:" + p.name + "@10.9.8.7:5060>" }

// ring takes the router's INVITE and rings.
func (p *phone) ring() {
	p.s.t.Helper()
	p.invite = p.expect("INVITE")
	p.answer(p.invite, 180)
}

// pickUp answers the router's INVITE and expects the ACK.
func (p *phone) pickUp(lines ...string) {
	p.s.t.Helper()
	p.answer(p.invite, 200, append([]string{p.contact(), "Allow: INVITE, ACK, BYE, CANCEL, REFER, NOTIFY"}, lines...)...)
	p.expect("ACK sip:" + p.name + "@10.9.8.7:5060 ")
}

// referred is a phone that has got the REFER.
func (p *phone) referred() *sip.Message {
	p.s.t.Helper()
	p.ring()
	p.pickUp()
	return p.expect("REFER sip:" + p.name + "@10.9.8.7:5060 ")
}

// within writes a request in the dialog with the router.
func (p *phone) within(method string, body string, lines ...string) {
	p.s.t.Helper()
	var a sip.NameAddr
	if err := sip.ParseNameAddr(p.invite.HeaderValue(sip.HdrContact), &a); err != nil {
		p.s.t.Fatal(err)
	}
	p.cseq++
	text := append([]string{
		fmt.Sprintf("%s %s SIP/2.0", method, a.URI),
		fmt.Sprintf("Via: SIP/2.0/%s 10.9.8.7:5060;rport;branch=z9hG4bK-%s-%d-%p", p.via, p.name, p.cseq, p),
		"Max-Forwards: 70",
		"Route: " + string(p.invite.HeaderValue(sip.HdrRecordRoute)),
		"From: " + string(p.invite.HeaderValue(sip.HdrTo)) + ";tag=" + p.name + "-tag",
		"To: " + string(p.invite.HeaderValue(sip.HdrFrom)),
		"Call-ID: " + string(p.invite.CallID()),
		fmt.Sprintf("CSeq: %d %s", p.cseq, method),
		p.contact(),
	}, lines...)
	text = append(text, fmt.Sprintf("Content-Length: %d", len(body)), "", body)
	p.write([]byte(strings.Join(text, "\r\n")))
}

// notify tells how the REFER goes and expects 200.
func (p *phone) notify(state, status string) {
	p.s.t.Helper()
	p.within("NOTIFY", "SIP/2.0 "+status+"\r\n", "Event: refer", "Subscription-State: "+state, "Content-Type: message/sipfrag;version=2.0")
	if m := p.expect("SIP/2.0 200"); m.Method != sip.NOTIFY {
		p.s.t.Fatalf("%q in answer to a NOTIFY", m.Buf)
	}
}

// outgoing is an INVITE that a phone makes by itself.
type outgoing struct {
	target string // sip:bob@example.org if empty
	user   string // of the digest, the phone's name if empty; "-" for none
	callID string
	lines  []string
}

// call sends the INVITE with a digest at once.
func (p *phone) call(o outgoing) string {
	p.s.t.Helper()
	if o.target == "" {
		o.target = "sip:bob@example.org"
	}
	if o.user == "" {
		o.user = p.name
	}
	if o.callID == "" {
		o.callID = fmt.Sprintf("%s-calls-%d", p.name, len(p.seen))
	}
	text := []string{
		"INVITE " + o.target + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s 10.9.8.7:5060;rport;branch=z9hG4bK-%s-%s", p.via, o.callID, o.user),
		"Max-Forwards: 70",
		"From: <sip:" + p.name + "@example.org>;tag=out",
		"To: <" + o.target + ">",
		"Call-ID: " + o.callID,
		"CSeq: 1 INVITE",
		p.contact(),
	}
	if o.user != "-" {
		text = append(text, `Proxy-Authorization: Digest username="`+o.user+`", realm="example.org", nonce="n", uri="x", response="y"`)
	}
	text = append(append(text, o.lines...), "Content-Length: 0", "", "")
	p.write([]byte(strings.Join(text, "\r\n")))
	return o.callID
}

// hangUp expects the router's BYE and answers it.
func (p *phone) hangUp() {
	p.s.t.Helper()
	p.answer(p.expect("BYE sip:"+p.name+"@10.9.8.7:5060 "), 200)
}
