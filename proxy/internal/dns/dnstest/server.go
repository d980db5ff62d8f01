// Package dnstest is a name server for tests, over UDP and TCP, that can also be silent,
// wrong or late: a real one on loopback, or one in memory, for synctest bubbles.
package dnstest

import (
	"net"
	"strings"
	"sync"
	"testing"

	wire "github.com/miekg/dns"
)

// Server answers from a zone. Make it with New or InMemory.
type Server struct {
	// Addr is its address, host:port.
	Addr string

	t       testing.TB
	udp     net.PacketConn
	mu      sync.Mutex
	records map[string][]wire.RR // by lower-case name
	asked   map[string]int       // by "TYPE name"
	mangle  func(network string, reply *wire.Msg) []*wire.Msg
}

// New makes a server with records as a zone file has them, names being absolute without
// their final dot: "gw.example.org 300 IN A 192.0.2.1". It ends with the test.
func New(t testing.TB, records ...string) *Server {
	t.Helper()
	s := &Server{t: t, asked: map[string]int{}}
	s.Set(records...)
	udp, tcp := listen(t)
	s.Addr, s.udp = udp.LocalAddr().String(), udp
	for _, server := range []*wire.Server{
		{PacketConn: udp, Handler: s.handler("udp")},
		{Listener: tcp, Handler: s.handler("tcp")},
	} {
		up, done := make(chan struct{}), make(chan struct{})
		server.NotifyStartedFunc = func() { close(up) }
		go func() { defer close(done); _ = server.ActivateAndServe() }()
		<-up
		t.Cleanup(func() { _ = server.Shutdown(); <-done })
	}
	return s
}

// listen binds one port for UDP and TCP.
func listen(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 50 {
		udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp4", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp
		}
		_ = udp.Close()
	}
	t.Fatal("no port is free for UDP and TCP")
	panic("unreachable")
}

// Set replaces the zone.
func (s *Server) Set(records ...string) {
	s.t.Helper()
	zone := map[string][]wire.RR{}
	for _, text := range records {
		rr, err := wire.NewRR(text)
		if err != nil || rr == nil {
			s.t.Fatalf("record %q: %v", text, err)
		}
		name := strings.ToLower(rr.Header().Name)
		zone[name] = append(zone[name], rr)
	}
	s.mu.Lock()
	s.records = zone
	s.mu.Unlock()
}

// Mangle makes f decide what is sent in place of each reply: nothing, it, others. nil
// ends that.
func (s *Server) Mangle(f func(network string, reply *wire.Msg) []*wire.Msg) {
	s.mu.Lock()
	s.mangle = f
	s.mu.Unlock()
}

// Silence makes the server answer nothing.
func (s *Server) Silence() { s.Mangle(func(string, *wire.Msg) []*wire.Msg { return nil }) }

// Asked is how often there was a question: "A gw.example.org".
func (s *Server) Asked(question string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[question]
}

// Questions is how many there were in all.
func (s *Server) Questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, k := range s.asked {
		n += k
	}
	return n
}

func (s *Server) handler(network string) wire.Handler {
	return wire.HandlerFunc(func(w wire.ResponseWriter, q *wire.Msg) {
		for _, m := range s.replies(network, q) {
			_ = w.WriteMsg(m)
		}
	})
}

// replies is what is sent for a question.
func (s *Server) replies(network string, q *wire.Msg) []*wire.Msg {
	m := s.reply(q)
	s.mu.Lock()
	mangle := s.mangle
	s.mu.Unlock()
	if mangle != nil {
		return mangle(network, m)
	}
	if network == "udp" {
		m.Truncate(wire.MinMsgSize)
	}
	return []*wire.Msg{m}
}

// reply answers from the zone, with the aliases on the way.
func (s *Server) reply(q *wire.Msg) *wire.Msg {
	m := new(wire.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	s.mu.Lock()
	defer s.mu.Unlock()
	question := q.Question[0]
	name := strings.ToLower(question.Name)
	s.asked[wire.TypeToString[question.Qtype]+" "+strings.TrimSuffix(name, ".")]++
	list, known := s.records[name]
	for range 4 {
		next := ""
		for _, rr := range list {
			switch x := rr.(type) {
			case *wire.CNAME:
				m.Answer = append(m.Answer, rr)
				next = strings.ToLower(x.Target)
			default:
				if rr.Header().Rrtype == question.Qtype {
					m.Answer = append(m.Answer, rr)
				}
			}
		}
		if next == "" {
			break
		}
		list = s.records[next]
	}
	if !known {
		m.Rcode = wire.RcodeNameError
	}
	if len(m.Answer) == 0 {
		m.Ns = append(m.Ns, &wire.SOA{Hdr: wire.RR_Header{Name: question.Name, Rrtype: wire.TypeSOA, Class: wire.ClassINET, Ttl: 300},
			Ns: "ns.", Mbox: "root.", Serial: 1, Refresh: 1, Retry: 1, Expire: 1, Minttl: 300})
	}
	return m
}
