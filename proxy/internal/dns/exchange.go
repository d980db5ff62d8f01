package dns

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	wire "github.com/miekg/dns"
)

const (
	// maxAliases bounds a chain of CNAMEs.
	maxAliases = 8
	// maxStrays bounds the datagrams with which somebody may keep a try busy.
	maxStrays = 32
	// udpSize is what we say we take in a datagram: it passes every path unfragmented.
	udpSize = 1232
)

// errCut says that an answer is longer than its datagram.
var errCut = errors.New("answer cut short")

// resolve answers a question: from the host table, from the servers, and, if the search
// list is wanted, under its names.
func (c *Client) resolve(ctx context.Context, q question) (Answer, error) {
	if addrs := c.hosts.lookup(c.cfg.Hosts, q); len(addrs) > 0 {
		return Answer{Addrs: addrs, Until: time.Now().Add(hostsTTL)}, nil
	}
	a, err := c.follow(ctx, q)
	if !c.cfg.Search || !errors.Is(err, ErrNoName) {
		return a, err
	}
	for _, suffix := range c.conf.read(&c.cfg).search {
		name := q.name + "." + suffix
		if !ValidName(name) {
			continue
		}
		if b, e := c.follow(ctx, question{name, q.typ}); !errors.Is(e, ErrNoName) {
			return b, e
		}
	}
	return a, err
}

// follow asks, and asks again where the answer is an alias without what it stands for.
func (c *Client) follow(ctx context.Context, q question) (Answer, error) {
	until := time.Now().Add(c.cfg.MaxTTL)
	for range maxAliases {
		m, err := c.ask(ctx, q)
		if err != nil {
			return Answer{}, err
		}
		a, end, err := read(m, q, until)
		if err != nil || !a.empty() {
			return a, err
		}
		if end == q.name {
			return Answer{Until: negative(m, until)}, ErrNoRecord
		}
		q.name, until = end, a.Until
	}
	return Answer{}, ErrAliases
}

// read takes what answers the question out of a message: the records of the name, or of
// the name that its aliases lead to, which is returned. until bounds Answer.Until.
func read(m *wire.Msg, q question, until time.Time) (a Answer, end string, err error) {
	now := time.Now()
	if m.Rcode == wire.RcodeNameError {
		return Answer{Until: negative(m, until)}, "", ErrNoName
	}
	a.Until, end = until, q.name
	for aliases := 0; ; aliases++ {
		next := ""
		for _, rr := range m.Answer {
			h := rr.Header()
			if h.Class != wire.ClassINET || Canonical(h.Name) != end {
				continue
			}
			if x, ok := rr.(*wire.CNAME); ok {
				next = Canonical(x.Target)
			} else if h.Rrtype != uint16(q.typ) {
				continue
			}
			a.take(rr, q.typ)
			if ends := now.Add(time.Duration(h.Ttl) * time.Second); ends.Before(a.Until) {
				a.Until = ends
			}
		}
		if !a.empty() || next == "" {
			return a, end, nil
		}
		if aliases == maxAliases || !ValidName(next) {
			return Answer{}, "", ErrAliases
		}
		end = next
	}
}

// negative is how long a message says that something does not exist (RFC 2308 §5).
func negative(m *wire.Msg, until time.Time) time.Time {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*wire.SOA); ok {
			if ends := time.Now().Add(time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second); ends.Before(until) {
				return ends
			}
		}
	}
	return until
}

// ask puts a question to the servers in turn, the one that answered last first, until
// one gives an answer.
func (c *Client) ask(ctx context.Context, q question) (*wire.Msg, error) {
	servers := c.conf.read(&c.cfg).servers
	c.asked.Add(1)
	if len(servers) == 0 {
		return nil, c.noServer(q, servers, ErrNoServer)
	}
	first, failure := int(c.best.Load()), ErrSilent
	for round := 0; round <= max(c.cfg.Retries, 0); round++ {
		for i := range servers {
			at := (first + i) % len(servers)
			m, err := c.try(ctx, servers[at], q)
			if err == nil {
				c.best.Store(uint32(at))
				return m, nil
			}
			if errors.Is(err, errFormat) || errors.Is(err, errRefused) {
				failure = ErrNoServer
			}
			if ctx.Err() != nil {
				return nil, c.noServer(q, servers, failure)
			}
		}
	}
	return nil, c.noServer(q, servers, failure)
}

func (c *Client) noServer(q question, servers []string, failure error) error {
	c.failed.Add(1)
	c.warn(q, servers)
	return failure
}

// try asks one server once: over UDP, and over TCP if the answer does not fit.
func (c *Client) try(ctx context.Context, server string, q question) (*wire.Msg, error) {
	m, err := c.exchange(ctx, "udp", server, q, true)
	if errors.Is(err, errFormat) {
		m, err = c.exchange(ctx, "udp", server, q, false) // it knows no EDNS (RFC 6891 §7)
	}
	if errors.Is(err, errCut) {
		m, err = c.exchange(ctx, "tcp", server, q, true)
	}
	return m, err
}

// errStrays says that too much came that is no answer.
var errStrays = errors.New("only strays come")

// What a server that cannot answer says.
var (
	errFormat  = errors.New("the server does not understand the question")
	errRefused = errors.New("the server cannot answer")
)

// exchange sends a question and reads until its answer comes, so that a datagram of
// somebody else, or a late answer, neither counts nor disturbs.
func (c *Client) exchange(ctx context.Context, network, server string, q question, edns bool) (*wire.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	nc, err := c.cfg.Dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	deadline, _ := ctx.Deadline()
	if err := nc.SetDeadline(deadline); err != nil {
		return nil, err
	}
	ask := new(wire.Msg)
	ask.SetQuestion(q.name+".", uint16(q.typ))
	if edns {
		ask.SetEdns0(udpSize, false)
	}
	conn := &wire.Conn{Conn: nc, UDPSize: udpSize}
	if err := conn.WriteMsg(ask); err != nil {
		return nil, err
	}
	for strays := 0; ; strays++ {
		m, err := conn.ReadMsg()
		var broken net.Error
		switch {
		case errors.As(err, &broken), err != nil && (network == "tcp" || strays == maxStrays):
			return nil, err
		case err != nil, !answers(m, ask):
			if strays == maxStrays {
				return nil, errStrays
			}
			continue
		}
		return verdict(m, network)
	}
}

// answers reports whether m is a response to the question of ask (RFC 5452 §9.1).
func answers(m, ask *wire.Msg) bool {
	if m.Id != ask.Id || !m.Response || len(m.Question) != 1 {
		return false
	}
	got, want := m.Question[0], ask.Question[0]
	return got.Qtype == want.Qtype && got.Qclass == want.Qclass && strings.EqualFold(got.Name, want.Name)
}

// verdict says what a response is worth.
func verdict(m *wire.Msg, network string) (*wire.Msg, error) {
	switch {
	case m.Rcode == wire.RcodeFormatError, m.Rcode == wire.RcodeNotImplemented:
		return nil, errFormat
	case m.Rcode != wire.RcodeSuccess && m.Rcode != wire.RcodeNameError:
		return nil, errRefused
	case m.Truncated && network == "udp":
		return nil, errCut
	}
	return m, nil
}
