package dns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	wire "github.com/miekg/dns"

	"seraph/proxy/internal/dns/dnstest"
)

// asking makes a client of these servers, with a host table of its own.
func asking(t testing.TB, change func(*Config), servers ...string) *Client {
	t.Helper()
	cfg := Config{Servers: servers, Hosts: filepath.Join(t.TempDir(), "hosts"), ResolvConf: filepath.Join(t.TempDir(), "resolv.conf"),
		Timeout: 300 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	return New(cfg)
}

// text is the records of an answer.
func text(a Answer) string {
	var out []string
	for _, x := range a.Addrs {
		out = append(out, x.String())
	}
	for _, x := range a.Services {
		out = append(out, fmt.Sprintf("%d %d %d %s", x.Priority, x.Weight, x.Port, x.Target))
	}
	for _, x := range a.Pointers {
		out = append(out, fmt.Sprintf("%d %d %s %s %s", x.Order, x.Preference, x.Flags, x.Service, x.Replacement))
	}
	return strings.Join(out, ", ")
}

// TestAnswers are those of a good server.
func TestAnswers(t *testing.T) {
	s := dnstest.New(t,
		"gw.example.org 300 IN A 192.0.2.1", "gw.example.org 300 IN A 192.0.2.2", "gw.example.org 300 IN AAAA 2001:db8::1",
		"example.org 300 IN NAPTR 10 20 \"s\" \"SIP+D2U\" \"\" _sip._udp.Example.ORG.",
		"_sip._udp.example.org 300 IN SRV 1 2 5070 GW.example.org.", "_sip._tcp.example.org 300 IN SRV 0 0 0 .",
		"www.example.org 300 IN CNAME web.example.org.", "web.example.org 300 IN CNAME gw.example.org.",
		"far.example.org 300 IN CNAME elsewhere.example.net.")
	for _, c := range []struct {
		name string
		typ  Type
		want string
		err  error
	}{
		{"gw.example.org", A, "192.0.2.1, 192.0.2.2", nil},
		{"GW.Example.org.", A, "192.0.2.1, 192.0.2.2", nil},
		{"gw.example.org", AAAA, "2001:db8::1", nil},
		{"example.org", NAPTR, "10 20 s SIP+D2U _sip._udp.example.org", nil},
		{"_sip._udp.example.org", SRV, "1 2 5070 gw.example.org", nil},
		{"_sip._tcp.example.org", SRV, "0 0 0 ", nil},
		{"www.example.org", A, "192.0.2.1, 192.0.2.2", nil},
		{"www.example.org", SRV, "", ErrNoRecord},
		{"far.example.org", A, "", ErrNoName},
		{"gw.example.org", SRV, "", ErrNoRecord},
		{"nobody.example.org", A, "", ErrNoName},
		{"no..such", A, "", ErrBadName},
		{"a b", A, "", ErrBadName},
		{"", A, "", ErrBadName},
		{strings.Repeat("a", 64) + ".org", A, "", ErrBadName},
		{strings.Repeat("abcdefg.", 33), A, "", ErrBadName},
	} {
		c2 := asking(t, nil, s.Addr)
		a, err := c2.Lookup(t.Context(), c.name, c.typ)
		if text(a) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s %s: %q, %v; want %q, %v", c.typ, c.name, text(a), err, c.want, c.err)
		}
		if kept, err, ok := c2.Cached(c.name, c.typ); ok == errors.Is(c.err, ErrBadName) || ok && (text(kept) != c.want || !errors.Is(err, c.err)) {
			t.Errorf("%s %s is kept as %q, %v, %v", c.typ, c.name, text(kept), err, ok)
		}
	}
}

// reply makes a server send other messages than the right one.
type reply = func(network string, m *wire.Msg) []*wire.Msg

func rr(text string) wire.RR {
	r, err := wire.NewRR(text)
	if err != nil {
		panic(err)
	}
	return r
}

// TestBadServers: what is wrong is not believed, and does not keep the truth from coming.
func TestBadServers(t *testing.T) {
	const truth = "gw.example.org 300 IN A 192.0.2.1"
	lie := func(m *wire.Msg, change func(*wire.Msg)) *wire.Msg {
		x := m.Copy()
		x.Answer = []wire.RR{rr("gw.example.org 300 IN A 198.51.100.66")}
		change(x)
		return x
	}
	for name, c := range map[string]struct {
		send reply
		want string
		err  error
	}{
		"dead":           {func(string, *wire.Msg) []*wire.Msg { return nil }, "", ErrNoServer},
		"wrong id first": {func(_ string, m *wire.Msg) []*wire.Msg { return []*wire.Msg{lie(m, func(x *wire.Msg) { x.Id++ }), m} }, "192.0.2.1", nil},
		"wrong id only":  {func(_ string, m *wire.Msg) []*wire.Msg { return []*wire.Msg{lie(m, func(x *wire.Msg) { x.Id++ })} }, "", ErrNoServer},
		"another question": {func(_ string, m *wire.Msg) []*wire.Msg {
			return []*wire.Msg{lie(m, func(x *wire.Msg) { x.Question[0].Name = "gw.example.net." }), m}
		}, "192.0.2.1", nil},
		"another type": {func(_ string, m *wire.Msg) []*wire.Msg {
			return []*wire.Msg{lie(m, func(x *wire.Msg) { x.Question[0].Qtype = wire.TypeTXT }), m}
		}, "192.0.2.1", nil},
		"no question": {func(_ string, m *wire.Msg) []*wire.Msg {
			return []*wire.Msg{lie(m, func(x *wire.Msg) { x.Question = nil }), m}
		}, "192.0.2.1", nil},
		"a question as answer": {func(_ string, m *wire.Msg) []*wire.Msg {
			return []*wire.Msg{lie(m, func(x *wire.Msg) { x.Response = false }), m}
		}, "192.0.2.1", nil},
		"records of others": {func(_ string, m *wire.Msg) []*wire.Msg {
			m.Answer = append(m.Answer, rr("bank.example.net 300 IN A 198.51.100.66"), rr("gw.example.org 300 CH A 198.51.100.67"))
			return []*wire.Msg{m}
		}, "192.0.2.1", nil},
		"refuses": {func(_ string, m *wire.Msg) []*wire.Msg {
			m.Rcode, m.Answer = wire.RcodeRefused, nil
			return []*wire.Msg{m}
		}, "", ErrNoServer},
		"fails":   {func(_ string, m *wire.Msg) []*wire.Msg { m.Rcode = wire.RcodeServerFailure; return []*wire.Msg{m} }, "", ErrNoServer},
		"no EDNS": {func(_ string, m *wire.Msg) []*wire.Msg { return []*wire.Msg{m} }, "192.0.2.1", nil},
		"alias of itself": {func(_ string, m *wire.Msg) []*wire.Msg {
			m.Answer = []wire.RR{rr("gw.example.org 300 IN CNAME gw.example.org.")}
			return []*wire.Msg{m}
		}, "", ErrAliases},
		"a circle of aliases": {func(_ string, m *wire.Msg) []*wire.Msg {
			m.Answer = []wire.RR{rr("gw.example.org 300 IN CNAME b.example.org."), rr("b.example.org 300 IN CNAME gw.example.org.")}
			return []*wire.Msg{m}
		}, "", ErrAliases},
		"alias without end": {func(_ string, m *wire.Msg) []*wire.Msg {
			m.Rcode = wire.RcodeSuccess
			m.Answer = []wire.RR{rr(fmt.Sprintf("%s 300 IN CNAME x%s", m.Question[0].Name, m.Question[0].Name))}
			return []*wire.Msg{m}
		}, "", ErrAliases},
		"alias to no name": {func(_ string, m *wire.Msg) []*wire.Msg {
			m.Answer = []wire.RR{rr(`gw.example.org 300 IN CNAME a\ b.example.org.`)}
			return []*wire.Msg{m}
		}, "", ErrAliases},
		"cut short": {func(network string, m *wire.Msg) []*wire.Msg {
			if network == "udp" {
				m.Answer, m.Truncated = nil, true
			}
			return []*wire.Msg{m}
		}, "192.0.2.1", nil},
		"cut short, and no TCP": {func(network string, m *wire.Msg) []*wire.Msg {
			if network == "tcp" {
				return nil
			}
			m.Answer, m.Truncated = nil, true
			return []*wire.Msg{m}
		}, "", ErrNoServer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dnstest.New(t, truth)
			s.Mangle(c.send)
			a, err := asking(t, nil, s.Addr).Lookup(t.Context(), "gw.example.org", A)
			if text(a) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%q, %v; want %q, %v", text(a), err, c.want, c.err)
			}
		})
	}
}

// TestFloodOfStrays: somebody who sends no end of wrong answers keeps a try busy for its
// time at most.
func TestFloodOfStrays(t *testing.T) {
	s := dnstest.New(t, "gw.example.org 300 IN A 192.0.2.1")
	s.Mangle(func(_ string, m *wire.Msg) []*wire.Msg {
		m.Id++
		flood := make([]*wire.Msg, 10*maxStrays)
		for i := range flood {
			flood[i] = m
		}
		return flood
	})
	if a, err := asking(t, nil, s.Addr).Lookup(t.Context(), "gw.example.org", A); !errors.Is(err, ErrNoServer) {
		t.Errorf("%q, %v", text(a), err)
	}
}

// TestOldServer: one that does not know EDNS is asked without.
func TestOldServer(t *testing.T) {
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &wire.Server{PacketConn: pc, Handler: wire.HandlerFunc(func(w wire.ResponseWriter, q *wire.Msg) {
		m := new(wire.Msg)
		m.SetReply(q)
		if q.IsEdns0() != nil {
			m.Rcode = wire.RcodeFormatError
		} else {
			m.Answer = []wire.RR{rr("gw.example.org 300 IN A 192.0.2.1")}
		}
		_ = w.WriteMsg(m)
	})}
	up := make(chan struct{})
	server.NotifyStartedFunc = func() { close(up) }
	go func() { _ = server.ActivateAndServe() }()
	<-up
	defer func() { _ = server.Shutdown() }()
	a, err := asking(t, nil, pc.LocalAddr().String()).Lookup(t.Context(), "gw.example.org", A)
	if err != nil || text(a) != "192.0.2.1" {
		t.Errorf("%q, %v", text(a), err)
	}
}

// TestHugeAnswer comes over TCP, and no more than MaxRecords of it are taken.
func TestHugeAnswer(t *testing.T) {
	var zone []string
	for i := range 2000 {
		zone = append(zone, fmt.Sprintf("gw.example.org 300 IN A 10.0.%d.%d", i/250, i%250))
	}
	s := dnstest.New(t, zone...)
	a, err := asking(t, nil, s.Addr).Lookup(t.Context(), "gw.example.org", A)
	if err != nil || len(a.Addrs) != MaxRecords {
		t.Errorf("%d addresses, %v", len(a.Addrs), err)
	}
}

// TestServersFailIsLogged: once, not for each question.
func TestServersFailIsLogged(t *testing.T) {
	var text bytes.Buffer
	c := asking(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&text, nil)) })
	for i := range 5 {
		if _, err := c.Lookup(t.Context(), fmt.Sprint("h", i), A); !errors.Is(err, ErrNoServer) {
			t.Errorf("without servers: %v", err)
		}
	}
	if n := strings.Count(text.String(), "no name server answers"); n != 1 {
		t.Errorf("logged %d times: %s", n, &text)
	}
	if asked, failed := c.Stats(); asked != 5 || failed != 5 {
		t.Errorf("%d asked, %d failed", asked, failed)
	}
}

// TestFaultInALookup costs that look-up alone.
func TestFaultInALookup(t *testing.T) {
	var text bytes.Buffer
	c := asking(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&text, nil)) }, "127.0.0.1:9")
	var none context.Context // what comes below cannot do without
	if _, err := c.survive(none, question{"gw.example.org", A}); !errors.Is(err, ErrNoServer) {
		t.Errorf("%v", err)
	}
	if !strings.Contains(text.String(), "panic in a look-up") || !strings.Contains(text.String(), "name=gw.example.org") {
		t.Errorf("the log tells %s", &text)
	}
}

// TestNextServer: a dead server costs its time once; then the other is asked first.
func TestNextServer(t *testing.T) {
	dead, good := dnstest.New(t), dnstest.New(t, "a.example.org 300 IN A 192.0.2.1", "b.example.org 300 IN A 192.0.2.2")
	dead.Silence()
	c := asking(t, nil, dead.Addr, good.Addr)
	for name, want := range map[string]string{"a.example.org": "192.0.2.1", "b.example.org": "192.0.2.2"} {
		if a, err := c.Lookup(t.Context(), name, A); err != nil || text(a) != want {
			t.Errorf("%s: %q, %v", name, text(a), err)
		}
	}
	if n := dead.Questions(); n != 1 {
		t.Errorf("the dead server was asked %d times, want once", n)
	}
}

// TestSharedQuestion: a hundred who ask the same at once make one question.
func TestSharedQuestion(t *testing.T) {
	s := dnstest.New(t, "gw.example.org 300 IN A 192.0.2.1")
	hold := make(chan struct{})
	s.Mangle(func(_ string, m *wire.Msg) []*wire.Msg { <-hold; return []*wire.Msg{m} })
	c := asking(t, func(c *Config) { c.Timeout = 5 * time.Second; c.MaxPending = 1 }, s.Addr)
	results := make(chan error, 100)
	for range cap(results) {
		go func() { _, err := c.Lookup(t.Context(), "gw.example.org", A); results <- err }()
	}
	for c.pendingLookups() == 0 {
		if _, err := c.Lookup(cancelled(t), "gw.example.org", A); err == nil {
			t.Fatal("answered before the server did")
		}
	}
	if _, err := c.Lookup(t.Context(), "other.example.org", A); !errors.Is(err, ErrBusy) {
		t.Errorf("beyond MaxPending: %v", err)
	}
	close(hold)
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := s.Questions(); n != 1 {
		t.Errorf("%d questions", n)
	}
}

func (c *Client) pendingLookups() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pending)
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// TestSearchList is used only where it is wanted, and for names that do not exist.
func TestSearchList(t *testing.T) {
	s := dnstest.New(t, "gw.example.org 300 IN A 192.0.2.1", "full.example.org 300 IN A 192.0.2.2")
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("search nowhere.test example.org\nnameserver 192.0.2.53\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		search bool
		name   string
		want   string
	}{{false, "gw", ""}, {true, "gw", "192.0.2.1"}, {true, "full.example.org", "192.0.2.2"}, {true, "nobody", ""}} {
		client := asking(t, func(cfg *Config) { cfg.Search, cfg.ResolvConf = c.search, conf }, s.Addr)
		a, err := client.Lookup(t.Context(), c.name, A)
		if text(a) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("search %v, %s: %q, %v", c.search, c.name, text(a), err)
		}
	}
}

// TestConfiguration: servers come from resolv.conf, addresses from the host table first.
func TestConfiguration(t *testing.T) {
	s := dnstest.New(t, "gw.example.org 300 IN A 192.0.2.1")
	host, port, _ := net.SplitHostPort(s.Addr)
	dir := t.TempDir()
	conf, hosts := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "hosts")
	for path, text := range map[string]string{
		conf:  "nameserver " + host + "\n",
		hosts: "# a comment\n192.0.2.7 Phone.lan phone # desk\n2001:db8::7\tphone.lan\nrubbish line\n::ffff:192.0.2.8 mapped.lan\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := asking(t, func(cfg *Config) { cfg.ResolvConf, cfg.Hosts = conf, hosts })
	if got := c.conf.read(&c.cfg).servers; !cmp.Equal(got, []string{"127.0.0.1:53"}) {
		t.Errorf("servers %q (the test's has port %s)", got, port)
	}
	for _, q := range []struct {
		name string
		typ  Type
		want string
	}{{"phone.lan", A, "192.0.2.7"}, {"phone", A, "192.0.2.7"}, {"phone.lan", AAAA, "2001:db8::7"}, {"mapped.lan", A, "192.0.2.8"}} {
		if a, err := c.Lookup(t.Context(), q.name, q.typ); err != nil || text(a) != q.want {
			t.Errorf("%s %s: %q, %v", q.typ, q.name, text(a), err)
		}
	}
	none := asking(t, nil)
	if _, err := none.Lookup(t.Context(), "gw.example.org", A); !errors.Is(err, ErrNoServer) {
		t.Errorf("without a server: %v", err)
	}
}

// folder makes a folder of at least so many bytes: what can be looked at and not read.
func folder(t *testing.T, path string, size int) os.FileInfo {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() >= int64(size) {
			return info
		}
		if err := os.WriteFile(filepath.Join(path, fmt.Sprint("a-long-name-", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the folder does not grow")
	return nil
}

// TestFilesThatCannotBeReadYet are read as soon as they can be, changed or not.
func TestFilesThatCannotBeReadYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		conf, hosts := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "hosts")
		contents := map[string]string{conf: "nameserver 192.0.2.53\n", hosts: "192.0.2.7 phone.lan\n"}
		before := map[string]time.Time{}
		for path, text := range contents {
			info := folder(t, path, len(text))
			contents[path] = text + strings.Repeat("#", int(info.Size())-len(text))
			before[path] = info.ModTime()
		}
		c := asking(t, func(cfg *Config) { cfg.ResolvConf, cfg.Hosts = conf, hosts })
		time.Sleep(2 * lookAgain)
		phone := question{"phone.lan", A}
		if got := c.conf.read(&c.cfg).servers; len(got) > 0 || len(c.hosts.lookup(hosts, phone)) > 0 {
			t.Fatalf("a folder was read: %q", got)
		}
		for path, text := range contents {
			if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, before[path], before[path])); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * lookAgain)
		if got := c.conf.read(&c.cfg).servers; !cmp.Equal(got, []string{"192.0.2.53:53"}) {
			t.Errorf("servers %q", got)
		}
		if got := c.hosts.lookup(hosts, phone); len(got) != 1 {
			t.Errorf("addresses %v", got)
		}
	})
}

// FuzzHosts: no host table makes trouble.
func FuzzHosts(f *testing.F) {
	f.Add("127.0.0.1 localhost\n::1 localhost ip6-localhost # x\n")
	f.Add("1.2.3.4\n\t\n# \n1.2.3.4 a..b -\n")
	f.Fuzz(func(t *testing.T, s string) {
		for name, addrs := range parseHosts(s) {
			if !ValidName(name) || len(addrs) == 0 {
				t.Errorf("%q: %v", name, addrs)
			}
		}
	})
}

// FuzzRead: no message that a server sends makes trouble.
func FuzzRead(f *testing.F) {
	m := new(wire.Msg)
	m.SetQuestion("gw.example.org.", wire.TypeA)
	m.Response = true
	m.Answer = []wire.RR{rr("gw.example.org 300 IN CNAME b.example.org."), rr("b.example.org 300 IN A 192.0.2.1")}
	packed, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Fuzz(func(t *testing.T, b []byte) {
		m := new(wire.Msg)
		if m.Unpack(b) != nil {
			return
		}
		for _, typ := range []Type{A, AAAA, SRV, NAPTR} {
			a, end, err := read(m, question{"gw.example.org", typ}, time.Now().Add(time.Hour))
			if err == nil && !ValidName(end) || len(a.Addrs)+len(a.Services)+len(a.Pointers) > MaxRecords {
				t.Errorf("%q, %+v, %v", end, a, err)
			}
		}
	})
}
