package ua

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// stand is an agent between a router that is a function and a network that is a
// list, for use in a synctest bubble.
type stand struct {
	t      *testing.T
	agent  *Agent
	table  *txn.Table
	router *fakeRouter
	net    *fakeNet
	stop   context.CancelFunc
	events chan Event
}

// run runs a test on a stand of its own, in a bubble, and checks that nothing is
// left of it.
func run(t *testing.T, cfg Config, test func(s *stand)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stand{t: t, table: txn.New(txn.Config{}), net: &fakeNet{}, events: make(chan Event, 1000)}
		s.router = &fakeRouter{stand: s}
		s.agent = New(cfg)
		s.agent.Attach(s.router, s.net, s.table, func(_ context.Context, host string) ([]netip.Addr, error) {
			if host == "edge.example.net" {
				return []netip.Addr{netip.MustParseAddr("198.51.100.7")}, nil
			}
			a, ok := transport.ParseHost(host)
			if !ok {
				return nil, fmt.Errorf("no address of %s", host)
			}
			return []netip.Addr{a}, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		s.stop = cancel
		go s.table.Run(ctx, s.net)
		test(s)
		// Whatever happened, nothing may be left after 64·T1 and 5 s.
		time.Sleep(37 * time.Second)
		synctest.Wait()
		if n := s.agent.Dialogs(); n != 0 {
			t.Errorf("%d dialogs are left", n)
		}
		if servers, clients := s.table.Current(); servers+clients != 0 {
			t.Errorf("%d server and %d client transactions are left", servers, clients)
		}
		s.agent.mu.Lock()
		if n := len(s.agent.calls); n != 0 {
			t.Errorf("%d calls are listed still", n)
		}
		s.agent.mu.Unlock()
		cancel()
		synctest.Wait() // a goroutine that stays makes the bubble fail
	})
}

func value(m *sip.Message, id sip.HeaderID) string { return string(m.HeaderValue(id)) }

// phoneFlow is the phone's place behind its NAT.
var phoneFlow = transport.Flow{
	Proto: transport.UDP, Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("203.0.113.9:41000"),
}

// fakeNet records what is sent.
type fakeNet struct {
	mu   sync.Mutex
	sent []packet
	dead map[transport.Flow]bool // flows that refuse
}

type packet struct {
	flow transport.Flow
	msg  *sip.Message
}

func (n *fakeNet) Send(f transport.Flow, msg []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dead[f] {
		return transport.ErrFlowGone
	}
	m := &sip.Message{}
	if err := m.Parse(slices.Clone(msg)); err != nil {
		panic(fmt.Sprintf("%v in %q", err, msg))
	}
	n.sent = append(n.sent, packet{f, m})
	return nil
}

func (n *fakeNet) FlowToDomain(proto transport.Proto, remote netip.AddrPort, _ uint16, _ string) (transport.Flow, error) {
	if proto != transport.UDP && proto != transport.TCP {
		return transport.Flow{}, transport.ErrNoSocket
	}
	return transport.Flow{Proto: proto, Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: remote}, nil
}

func (n *fakeNet) Sockets() []transport.Socket {
	return []transport.Socket{{
		Proto: transport.UDP, Addr: netip.MustParseAddrPort("192.0.2.1:5060"),
		AdvertisedHost: "192.0.2.1", AdvertisedPort: 5060,
		Via: []byte("UDP 192.0.2.1:5060"), HostPort: []byte("192.0.2.1:5060"),
	}}
}

// fakeRouter keeps the injected INVITE in the table as the relay would.
type fakeRouter struct {
	stand     *stand
	drop      bool  // as a script that ends without a word
	err       error // of Inject
	invite    *sip.Message
	replied   func(status int, msg []byte, from transport.Flow)
	identity  string
	server    *txn.Server // of the last INVITE
	cell      *txn.Cell
	from      transport.Flow
	accounted bool
	noRules   bool
	contact   string
	bound     bool          // what Submit tells of the request
	said      sip.StatusSet // … and of the bindings
	cancelled int
	extra     string
}

func (r *fakeRouter) Unlocked(*transport.Worker) {}
func (r *fakeRouter) Release()                   {}

func (r *fakeRouter) LocalReply(status int, msg []byte) { r.replied(status, msg, r.from) }

func (r *fakeRouter) Inject(msg []byte, as Identity, replied func(status int, msg []byte, from transport.Flow)) error {
	if r.err != nil {
		return r.err
	}
	r.invite = &sip.Message{}
	if err := r.invite.Parse(slices.Clone(msg)); err != nil {
		return err
	}
	r.accounted, r.noRules, r.contact = as.Accounted, as.NoRules, string(as.Contact)
	r.replied, r.identity = replied, string(as.User)+"@"+string(as.Domain)
	if r.drop {
		return nil
	}
	t := r.stand.table
	key, err := t.KeyOf(r.invite)
	if err != nil {
		return err
	}
	r.server, r.cell = &txn.Server{}, &txn.Cell{}
	t.Init(r.cell, key.Hash(), r)
	r.server.Start(t, r.cell, key, r.invite, transport.Flow{Proto: transport.Local}, r)
	return nil
}

func (r *fakeRouter) Submit(msg []byte, as Identity, replied func(status int, msg []byte, from transport.Flow, bound bool, said sip.StatusSet)) error {
	return r.Inject(msg, as, func(status int, msg []byte, from transport.Flow) { replied(status, msg, from, r.bound, r.said) })
}

func (r *fakeRouter) Cancel(_ txn.Key, extra []byte) bool {
	r.cancelled++
	r.extra = string(extra)
	return true
}

// reply answers the INVITE as the phone that sits at from.
func (r *fakeRouter) reply(from transport.Flow, status int, tag string, lines ...string) {
	rep := sip.Reply{Status: status, ToTag: []byte(tag)}
	for _, l := range lines {
		rep.Extra = append(rep.Extra, l+"\r\n"...)
	}
	r.send(from, status, r.invite.AppendReply(nil, &rep))
}

func (r *fakeRouter) send(from transport.Flow, status int, msg []byte) {
	r.cell.Lock()
	r.from = from
	r.server.Reply(status, msg, r.stand.net)
	r.cell.Unlock()
	synctest.Wait()
}

// call makes a call that is under way.
func (s *stand) call(change ...func(*Invite)) *Call {
	s.t.Helper()
	p := Invite{
		To: "sip:alice@example.org", From: "sip:controller@example.org", FromName: `Bob "the" Keller`,
		User: "alice", Domain: "example.org",
	}
	for _, f := range change {
		f(&p)
	}
	c, err := s.agent.Invite(p, func(e Event) { s.events <- e })
	if err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
	return c
}

// route is the router's own Record-Route.
const route = "Record-Route: <sip:192.0.2.1:5060;lr;srm=0>"

const contact = "Contact: <sip:alice@10.0.0.5:5062;transport=udp>"

// answered makes a call that the phone has taken.
func (s *stand) answered(lines ...string) *Call {
	s.t.Helper()
	c := s.call()
	if len(lines) == 0 {
		lines = []string{route, contact, "Allow: INVITE, ACK, BYE, REFER, NOTIFY"}
	}
	s.router.reply(phoneFlow, 200, "at", lines...)
	s.expect("ACK")
	s.want(Answered)
	return c
}

// expect takes the next message that was sent; it must begin so.
func (s *stand) expect(start string) packet {
	s.t.Helper()
	synctest.Wait()
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if len(s.net.sent) == 0 {
		s.t.Fatalf("no %q was sent", start)
	}
	p := s.net.sent[0]
	s.net.sent = s.net.sent[1:]
	if !strings.HasPrefix(string(p.msg.Buf), start) {
		s.t.Fatalf("sent %q, want %q", p.msg.Buf, start)
	}
	return p
}

// silent fails if something was sent.
func (s *stand) silent() {
	s.t.Helper()
	synctest.Wait()
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	for _, p := range s.net.sent {
		s.t.Errorf("unexpected %q", p.msg.Buf)
	}
}

// want takes the next event, which must be of this kind.
func (s *stand) want(kind EventKind) Event {
	s.t.Helper()
	synctest.Wait()
	select {
	case e := <-s.events:
		if e.Kind != kind {
			s.t.Fatalf("event %+v, want kind %d", e, kind)
		}
		return e
	default:
		s.t.Fatalf("no event, want kind %d", kind)
		return Event{}
	}
}

func (s *stand) noEvent() {
	s.t.Helper()
	synctest.Wait()
	select {
	case e := <-s.events:
		s.t.Fatalf("unexpected event %+v", e)
	default:
	}
}

// answer answers a request of ours from where it was sent to.
func (s *stand) answer(p packet, status int, lines ...string) {
	s.t.Helper()
	rep := sip.Reply{Status: status}
	for _, l := range lines {
		rep.Extra = append(rep.Extra, l+"\r\n"...)
	}
	m := &sip.Message{}
	if err := m.Parse(p.msg.AppendReply(nil, &rep)); err != nil {
		s.t.Fatal(err)
	}
	s.table.Response(m, p.flow, transport.NewDetached(nil, s.net.Send))
	synctest.Wait()
}

// bye expects our BYE and answers it.
func (s *stand) bye() packet {
	s.t.Helper()
	p := s.expect("BYE")
	s.answer(p, 200)
	return p
}

// inDialog is a request of the phone in the dialog.
type inDialog struct {
	method    string
	cseq      int
	fromTag   string // "at" if empty
	toTag     string // ours if empty
	uri       string // our Contact if empty
	callID    string
	lines     []string
	body      string
	from      transport.Flow
	noFromTag bool
	blocked   bool // do not wait until all is quiet
	cancelled bool // the CANCEL is handled before the agent has asked anybody
}

// reply is what the agent said.
type reply struct {
	status int
	msg    *sip.Message
}

// recorder is a Responder that keeps the reply.
type recorder struct {
	m      *sip.Message
	from   transport.Flow
	last   reply
	cancel func() // what the router does at a CANCEL
	atOnce bool   // the CANCEL is faster than Later
}

// Refuse is Reply: the test of the relay sees that no transaction is made.
func (r *recorder) Refuse(rep *sip.Reply) { r.Reply(rep) }

func (r *recorder) Reply(rep *sip.Reply) {
	m := &sip.Message{}
	if err := m.Parse(r.m.AppendReply(nil, rep)); err != nil {
		panic(err)
	}
	r.last = reply{rep.Status, m}
}

// Later is the reply that comes when Handle has returned.
func (r *recorder) Later(cancelled func()) func(status int, msg []byte) {
	r.cancel = cancelled
	if r.atOnce {
		cancelled()
	}
	return func(status int, msg []byte) {
		m := &sip.Message{}
		if err := m.Parse(slices.Clone(msg)); err != nil {
			panic(err)
		}
		r.last = reply{status, m}
	}
}

func (r *recorder) Append(dst []byte, rep *sip.Reply) ([]byte, transport.Flow) {
	return r.m.AppendReply(dst, rep), r.from
}

// receive hands a request of the phone to the agent and returns the answer,
// with status 0 if there is none.
func (s *stand) receive(c *Call, q inDialog) reply {
	s.t.Helper()
	return s.begin(c, q).last
}

// begin is receive of a request whose answer may come later: the recorder has it then.
func (s *stand) begin(c *Call, q inDialog) *recorder {
	s.t.Helper()
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	if q.from.IsZero() {
		q.from = phoneFlow
	}
	fromTag := ";tag=" + or(q.fromTag, "at")
	if q.noFromTag {
		fromTag = ""
	}
	lines := append([]string{
		q.method + " " + or(q.uri, "sip:ua-"+c.token+"@192.0.2.1:5060") + " SIP/2.0",
		"Via: SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bK" + random(4),
		"From: <sip:alice@example.org>" + fromTag,
		"To: <sip:controller@example.org>;tag=" + or(q.toTag, c.fromTag),
		"Call-ID: " + or(q.callID, c.callID),
		fmt.Sprintf("CSeq: %d %s", q.cseq, q.method),
		fmt.Sprintf("Content-Length: %d", len(q.body)),
	}, q.lines...)
	m := &sip.Message{}
	if err := m.Parse([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + q.body)); err != nil {
		s.t.Fatal(err)
	}
	if !s.agent.Owns(m) {
		s.t.Fatalf("the agent does not own %q", m.Buf)
	}
	r := &recorder{m: m, from: q.from, atOnce: q.cancelled}
	s.agent.Handle(m, q.from, r)
	if !q.blocked {
		synctest.Wait()
	}
	return r
}

// receiveWhileBlocked is receive while nothing that we send goes out.
func (s *stand) receiveWhileBlocked(c *Call, q inDialog) reply {
	s.t.Helper()
	q.blocked = true
	return s.receive(c, q)
}

// notify is a NOTIFY of the phone.
func (s *stand) notify(c *Call, cseq int, state, body string) reply {
	s.t.Helper()
	lines := []string{"Event: refer", "Content-Type: message/sipfrag;version=2.0"}
	if state != "" {
		lines = append(lines, "Subscription-State: "+state)
	}
	return s.receive(c, inDialog{method: "NOTIFY", cseq: cseq, lines: lines, body: body})
}
