package permissions_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/permissions"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/transport"
	"seraph/sql/store"
)

// tables are the two tables.
type tables struct {
	mu        sync.Mutex
	addresses []store.Address
	trusted   []store.TrustedPeer
	err       error
}

func (t *tables) set(f func(*tables)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t)
}

func (t *tables) Addresses(context.Context) ([]store.Address, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.addresses, t.err
}

func (t *tables) Trusted(context.Context) ([]store.TrustedPeer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trusted, t.err
}

func newModule(t *testing.T, rows *tables, settings ...string) *permissions.Module {
	t.Helper()
	m := permissions.New(permissions.Config{Addresses: rows.Addresses, Trusted: rows.Trusted})
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		if err := moduletest.Set(t, m, name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	return m
}

// from is a request that came from "udp:ip:port".
func from(t *testing.T, remote string) *module.Ctx {
	t.Helper()
	ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:0049@example.org"))
	proto, addr, _ := strings.Cut(remote, ":")
	p, ok := transport.ParseProto(proto)
	if !ok {
		t.Fatalf("%s is no transport", proto)
	}
	ctx.From = transport.Flow{Proto: p, Remote: netip.MustParseAddrPort(addr)}
	return ctx
}

var someAddresses = []store.Address{
	{Group: 1, IP: "192.0.2.7", Mask: 32, Tag: "gw"}, {Group: 2, IP: "10.1.0.0", Mask: 16}, {Group: 3, IP: "10.1.2.3", Mask: 24, Tag: "near"},
	{Group: 1, IP: "2001:db8:1::", Mask: 48}, {Group: 4, IP: "192.0.2.8", Port: 5062}, {Group: 5, IP: "sip.example.org", Tag: "named"},
	{Group: 0, IP: "192.0.2.9"}, {Group: 1, IP: "nonsense!"}, {Group: 1, IP: "192.0.2.10", Mask: 99},
}

func TestSourceAddress(t *testing.T) {
	m := newModule(t, &tables{addresses: someAddresses})
	for _, c := range []struct {
		remote string
		call   []string
		want   int
	}{
		{"udp:192.0.2.7:5060", []string{"allow_source_address"}, 1},
		{"tls:192.0.2.7:9999", []string{"allow_source_address", "1"}, 1},
		{"udp:192.0.2.7:5060", []string{"allow_source_address", "2"}, -1},
		{"udp:192.0.2.6:5060", []string{"allow_source_address"}, -1},
		{"udp:10.1.9.9:5060", []string{"allow_source_address", "2"}, 1},
		{"udp:10.1.2.9:5060", []string{"allow_source_address", "2"}, 1},
		{"udp:10.1.2.9:5060", []string{"allow_source_address", "3"}, 1},
		{"udp:10.2.0.1:5060", []string{"allow_source_address", "2"}, -1},
		{"udp:[2001:db8:1:ff::1]:5060", []string{"allow_source_address"}, 1},
		{"udp:[2001:db8:2::1]:5060", []string{"allow_source_address"}, -1},
		{"udp:[::ffff:192.0.2.7]:5060", []string{"allow_source_address"}, 1},
		{"udp:192.0.2.8:5062", []string{"allow_source_address", "4"}, 1},
		{"udp:192.0.2.8:5060", []string{"allow_source_address", "4"}, -1},
		{"udp:192.0.2.10:5060", []string{"allow_source_address"}, -1},
		{"udp:10.1.2.9:5060", []string{"allow_source_address_group"}, 3},
		{"udp:10.1.9.9:5060", []string{"allow_source_address_group"}, 2},
		{"udp:192.0.2.9:5060", []string{"allow_source_address_group"}, -1},
		{"udp:192.0.2.8:5060", []string{"allow_source_address_group"}, -1},
	} {
		if got := moduletest.Compile(t, m, c.call[0], c.call[1:]...)(from(t, c.remote)); got != c.want {
			t.Errorf("%s of %s: %d, want %d", c.call, c.remote, got, c.want)
		}
	}
}

// TestAllowAddress: addresses and names given by the script, also in pseudo-variables.
func TestAllowAddress(t *testing.T) {
	m := newModule(t, &tables{addresses: someAddresses})
	for _, c := range []struct {
		call []string
		want int
	}{
		{[]string{"allow_address", "1", "$si", "$sp"}, 1},
		{[]string{"allow_address", "2", "$si", "$sp"}, -1},
		{[]string{"allow_address", "2", "10.1.200.1", "0"}, 1},
		{[]string{"allow_address", "5", "SIP.example.org", "5060"}, 1},
		{[]string{"allow_address", "5", "sip.example.com", "5060"}, -1},
		{[]string{"allow_address", "4", "192.0.2.8", "5062"}, 1},
		{[]string{"allow_address", "4", "192.0.2.8", "$rm"}, -1},
		{[]string{"allow_address", "$hdr(X-Group)", "192.0.2.7", "0"}, -1},
		{[]string{"allow_address_group", "10.1.2.3", "0"}, 3},
		{[]string{"allow_address_group", "$si", "$sp"}, 1},
		{[]string{"allow_address_group", "", "0"}, -1},
	} {
		if got := moduletest.Compile(t, m, c.call[0], c.call[1:]...)(from(t, "udp:192.0.2.7:5060")); got != c.want {
			t.Errorf("%q: %d, want %d", c.call, got, c.want)
		}
	}
}

func TestTrusted(t *testing.T) {
	m := newModule(t, &tables{trusted: []store.TrustedPeer{
		{IP: "192.0.2.1", Proto: "any"}, {IP: "192.0.2.2", Proto: "TLS"}, {IP: "192.0.2.3", Proto: "none"},
		{IP: "192.0.2.4", Proto: "udp", FromPattern: "^sip:alice@"}, {IP: "192.0.2.5", Proto: "udp", RURIPattern: "^sip:00"},
		{IP: "192.0.2.6", Proto: "udp", FromPattern: "^sip:bob@"}, {IP: "gw.example.org", Proto: "any"}, {IP: "192.0.2.8", Proto: "any", FromPattern: "("},
	}})
	for _, c := range []struct {
		remote string
		args   []string
		want   int
	}{
		{"udp:192.0.2.1:5060", nil, 1},
		{"wss:192.0.2.1:5060", nil, 1},
		{"udp:192.0.2.2:5060", nil, -1},
		{"tls:192.0.2.2:5060", nil, 1},
		{"udp:192.0.2.3:5060", nil, -1},
		{"udp:192.0.2.4:5060", nil, 1},
		{"udp:192.0.2.5:5060", nil, 1},
		{"udp:192.0.2.6:5060", nil, -1},
		{"udp:192.0.2.7:5060", nil, -1},
		{"udp:192.0.2.8:5060", nil, -1},
		{"udp:192.0.2.9:5060", []string{"192.0.2.2", "any"}, 1},
		{"udp:192.0.2.9:5060", []string{"192.0.2.3", "any"}, -1},
		{"udp:192.0.2.1:5060", []string{"$si"}, 1},
		{"udp:192.0.2.1:5060", []string{"$ci"}, -1},
		{"udp:192.0.2.6:5060", []string{"$si", "$pr", "sip:bob@example.org"}, 1},
	} {
		if got := moduletest.Compile(t, m, "allow_trusted", c.args...)(from(t, c.remote)); got != c.want {
			t.Errorf("allow_trusted%q of %s: %d, want %d", c.args, c.remote, got, c.want)
		}
	}
}

// TestTag: the tag of the row that matched is the script's to see.
func TestTag(t *testing.T) {
	m := newModule(t, &tables{addresses: someAddresses, trusted: []store.TrustedPeer{{IP: "192.0.2.1", Proto: "any", Tag: "peer"}}}, "peer_tag_avp=$avp(tag)")
	for remote, c := range map[string][2]string{
		"udp:192.0.2.7:5060": {"allow_source_address", "gw"},
		"udp:10.1.2.3:5060":  {"allow_source_address_group", "near"},
		"udp:192.0.2.1:5060": {"allow_trusted", "peer"},
		"udp:192.0.2.9:5060": {"allow_source_address", ""},
	} {
		ctx := from(t, remote)
		moduletest.Compile(t, m, c[0])(ctx)
		if got := string(ctx.AVP("tag").Str); got != c[1] {
			t.Errorf("%s of %s sets the tag %q, want %q", c[0], remote, got, c[1])
		}
	}
}

// TestOwnAgent: what the router itself sends is allowed everywhere.
func TestOwnAgent(t *testing.T) {
	m := newModule(t, &tables{})
	for _, name := range []string{"allow_source_address", "allow_source_address_group", "allow_trusted"} {
		ctx := from(t, "udp:192.0.2.7:5060")
		call := moduletest.Compile(t, m, name)
		if got := call(ctx); got != -1 {
			t.Errorf("%s with empty tables: %d", name, got)
		}
		ctx.Local = &relay.Local{}
		if got := call(ctx); got != 1 {
			t.Errorf("%s of the router's own request: %d", name, got)
		}
	}
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		rows := &tables{}
		m := permissions.New(permissions.Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Addresses: rows.Addresses, Trusted: rows.Trusted})
		if err := moduletest.Set(t, m, "reload_interval", "30"); err != nil {
			t.Fatal(err)
		}
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		ask := func() [2]int {
			c := from(t, "udp:192.0.2.1:5060")
			return [2]int{moduletest.Compile(t, m, "allow_source_address")(c), moduletest.Compile(t, m, "allow_trusted")(c)}
		}
		rows.set(func(r *tables) {
			r.addresses = []store.Address{{Group: 1, IP: "192.0.2.1"}, {Group: -3}}
			r.trusted = []store.TrustedPeer{{IP: "192.0.2.1", Proto: "udp"}}
		})
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := ask(); got != [2]int{1, 1} {
			t.Errorf("half a minute after it was added: %v", got)
		}
		time.Sleep(10 * time.Minute)
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "table=address rows=1") {
			t.Errorf("one bad row, read many times, is logged as\n%s", log.String())
		}
		rows.set(func(r *tables) { r.err = errors.New("away") })
		if err := m.Reload(ctx); err == nil || !strings.Contains(err.Error(), "table address") || ask() != [2]int{1, 1} {
			t.Errorf("with the database away: %v", err)
		}
		rows.set(func(r *tables) { r.err, r.addresses, r.trusted = nil, nil, nil })
		if err := m.ReloadAddresses(ctx); err != nil || ask() != [2]int{-1, 1} {
			t.Errorf("addresses removed and reloaded: %v, %v", err, ask())
		}
		if err := m.ReloadTrusted(ctx); err != nil || ask() != [2]int{-1, -1} {
			t.Errorf("peers removed and reloaded: %v, %v", err, ask())
		}
		cancel()
		<-done
	})
}

func TestDump(t *testing.T) {
	m := newModule(t, &tables{addresses: someAddresses[:2], trusted: []store.TrustedPeer{{IP: "192.0.2.1", Proto: "UDP", Tag: "x", Priority: 2}}})
	if diff := cmp.Diff([]ctlproto.PermAddress{{Group: 1, IP: "192.0.2.7", Mask: 32, Tag: "gw"}}, m.DumpAddresses()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]ctlproto.PermAddress{{Group: 2, IP: "10.1.0.0", Mask: 16}}, m.DumpSubnets()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]ctlproto.PermTrusted{{SrcIP: "192.0.2.1", Proto: "udp", Tag: "x", Priority: 2}}, m.DumpTrusted()); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutDatabase(t *testing.T) {
	m := permissions.New(permissions.Config{})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	if got := moduletest.Compile(t, m, "allow_source_address")(from(t, "udp:192.0.2.7:5060")); got != -1 || len(m.DumpAddresses())+len(m.DumpSubnets())+len(m.DumpTrusted()) != 0 {
		t.Errorf("%d", got)
	}
}

func TestBadArguments(t *testing.T) {
	m := permissions.New(permissions.Config{})
	for _, c := range [][]string{
		{"allow_source_address", "0"}, {"allow_source_address", "one"}, {"allow_address", "0", "$si", "$sp"}, {"allow_address", "1", "$si", "70000"},
		{"allow_address_group", "$si", "x"}, {"allow_trusted", "$si", "pigeon"}, {"allow_address", "1", "$nonsense", "0"},
	} {
		if got := moduletest.Refused(t, m, c[0], c[1:]...); got == "" {
			t.Errorf("%q", c)
		}
	}
	for set, want := range map[string]string{
		"address_table=addr":   `address_table can only be "address"`,
		"trusted_table=pbx":    `trusted_table can only be "trusted"`,
		"load_backends=0":      "load_backends 0 names none of the tables, 1 (address) and 2 (trusted)",
		"load_backends=12":     "load_backends 12 names none of the tables, 1 (address) and 2 (trusted)",
		"db_mode=2":            "db_mode 2 is neither 0 nor 1",
		"db_url=":              "db_url is empty",
		"peer_tag_avp=$ru":     `peer_tag_avp "$ru" names no AVP: write "$avp(x)" or "i:24"`,
		"peer_tag_avp=$avp()":  `peer_tag_avp "$avp()" names no AVP: write "$avp(x)" or "i:24"`,
		"reload_interval=0":    "reload_interval 0 is not from 1 to 3600 seconds",
		"reload_interval=3601": "reload_interval 3601 is not from 1 to 3600 seconds",
	} {
		name, value, _ := strings.Cut(set, "=")
		if err := moduletest.Set(t, m, name, value); err == nil || err.Error() != want {
			t.Errorf("%s: %v", set, err)
		}
	}
}
