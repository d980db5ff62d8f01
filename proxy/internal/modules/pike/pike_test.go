package pike_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/pike"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/transport"
)

// bench is a module and its function.
type bench struct {
	*pike.Module
	t     testing.TB
	check module.Call
	ctx   *module.Ctx
}

// newBench sets parameters ("name=value") and prepares the module.
func newBench(t testing.TB, cfg pike.Config, settings ...string) *bench {
	t.Helper()
	m := pike.New(cfg)
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		if err := moduletest.Set(t, m, name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	return &bench{Module: m, t: t, check: moduletest.Compile(t, m, "pike_check_req"),
		ctx: moduletest.Message(t, moduletest.Request("OPTIONS", "sip:example.org"))}
}

// from is what pike_check_req returns for a request of an address.
func (b *bench) from(ip string) int {
	b.ctx.From = transport.Flow{Remote: netip.AddrPortFrom(netip.MustParseAddr(ip), 5060)}
	return b.check(b.ctx)
}

// burst sends n requests and returns what was returned for them, in words.
func (b *bench) burst(ip string, n int) string {
	counts := map[int]int{}
	for range n {
		counts[b.from(ip)]++
	}
	return fmt.Sprintf("%d passed, %d noticed, %d blocked", counts[1], counts[-2], counts[-1])
}

func (b *bench) statistic(name string) int64 {
	value := int64(-1)
	b.Statistics(func(group, n string, v int64) {
		if group == "pike" && n == name {
			value = v
		}
	})
	return value
}

// TestFlood: the limit is exact, others are not concerned, and it ends a unit after the flood.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pike.Config{}, "reqs_density_per_unit=16")
		if got := b.burst("192.0.2.7", 16); got != "16 passed, 0 noticed, 0 blocked" {
			t.Errorf("at the limit: %s", got)
		}
		if got := b.burst("192.0.2.7", 4); got != "0 passed, 1 noticed, 3 blocked" {
			t.Errorf("beyond: %s", got)
		}
		if got := b.burst("192.0.2.8", 10); got != "10 passed, 0 noticed, 0 blocked" {
			t.Errorf("another address: %s", got)
		}
		time.Sleep(2 * time.Second)
		if got := b.burst("192.0.2.7", 16); got != "0 passed, 0 noticed, 16 blocked" {
			t.Errorf("in the unit after the flood: %s", got)
		}
		time.Sleep(2 * time.Second)
		if got := b.burst("192.0.2.7", 16); got != "16 passed, 0 noticed, 0 blocked" {
			t.Errorf("a whole unit with no more than the limit has passed: %s", got)
		}
		if got := b.burst("192.0.2.7", 2); got != "0 passed, 1 noticed, 1 blocked" {
			t.Errorf("a second flood: %s", got)
		}
		if b.statistic("blocked") != 4+16+2 || b.statistic("detected") != 2 || b.statistic("hot") != 1 || b.statistic("sources") != 2 {
			t.Errorf("blocked %d, detected %d, hot %d, sources %d", b.statistic("blocked"), b.statistic("detected"), b.statistic("hot"), b.statistic("sources"))
		}
		time.Sleep(3 * time.Minute)
		if b.statistic("sources") != 0 {
			t.Errorf("after three minutes %d sources are remembered", b.statistic("sources"))
		}
	})
}

// TestNetworks: with IPv6 a subscriber has 2^64 addresses and is one source; an IPv4 address
// is one however it is written.
func TestNetworks(t *testing.T) {
	b := newBench(t, pike.Config{}, "reqs_density_per_unit=4")
	for i := range 4 {
		if got := b.from(fmt.Sprintf("2001:db8:0:1::%x", i)); got != 1 {
			t.Errorf("address %d: %d", i, got)
		}
	}
	if got := b.from("2001:db8:0:1:ffff::1"); got != -2 {
		t.Errorf("the fifth address of the network: %d", got)
	}
	if got := b.from("2001:db8:0:2::1"); got != 1 {
		t.Errorf("the next network: %d", got)
	}
	b.burst("192.0.2.7", 5)
	if got := b.from("::ffff:192.0.2.7"); got != -1 {
		t.Errorf("the IPv4 address written as IPv6: %d", got)
	}
}

// TestForgedDatagrams: whoever sends datagrams in another's name has that one blocked over UDP, and not on his
// connections, whatever they are; nor the other way round.
func TestForgedDatagrams(t *testing.T) {
	b := newBench(t, pike.Config{}, "reqs_density_per_unit=4")
	over := func(proto transport.Proto, ip string, n int) string {
		counts := map[int]int{}
		for range n {
			b.ctx.From = transport.Flow{Proto: proto, Remote: netip.AddrPortFrom(netip.MustParseAddr(ip), 5060)}
			counts[b.check(b.ctx)]++
		}
		return fmt.Sprintf("%d passed, %d noticed, %d blocked", counts[1], counts[-2], counts[-1])
	}
	for _, ip := range []string{"192.0.2.7", "2001:db8::1"} {
		if got := over(transport.UDP, ip, 50); got != "4 passed, 1 noticed, 45 blocked" {
			t.Errorf("%s over UDP: %s", ip, got)
		}
		for _, proto := range []transport.Proto{transport.TCP, transport.TLS, transport.WS, transport.WSS} {
			if got := over(proto, ip, 1); got != "1 passed, 0 noticed, 0 blocked" {
				t.Errorf("%s over %v: %s", ip, proto, got)
			}
		}
		if got := over(transport.TLS, ip, 3); got != "0 passed, 1 noticed, 2 blocked" { // connections are counted together
			t.Errorf("%s over its connections: %s", ip, got)
		}
		if got := over(transport.WS, ip, 1); got != "0 passed, 0 noticed, 1 blocked" {
			t.Errorf("%s over another connection: %s", ip, got)
		}
	}
	if got := over(transport.TCP, "192.0.2.8", 9); got != "4 passed, 1 noticed, 4 blocked" {
		t.Errorf("over TCP: %s", got)
	}
	if got := over(transport.UDP, "192.0.2.8", 4); got != "4 passed, 0 noticed, 0 blocked" {
		t.Errorf("over UDP after that: %s", got)
	}
	top := map[string]int{}
	for _, x := range b.Top("HOT").List {
		top[fmt.Sprint(x.IP, " ", x.Stream)]++
	}
	if fmt.Sprint(top) != "map[192.0.2.7 false:1 192.0.2.7 true:1 192.0.2.8 true:1 2001:db8::/64 false:1 2001:db8::/64 true:1]" {
		t.Errorf("pike.top: %v", top)
	}
	if !b.Remove(netip.MustParseAddr("192.0.2.7")) || over(transport.UDP, "192.0.2.7", 1)+over(transport.TLS, "192.0.2.7", 1) != strings.Repeat("1 passed, 0 noticed, 0 blocked", 2) {
		t.Error("who was let go is blocked")
	}
}

// TestOwnAgent: click-to-dial is never too much.
func TestOwnAgent(t *testing.T) {
	b := newBench(t, pike.Config{}, "reqs_density_per_unit=1")
	b.ctx.Local = &relay.Local{}
	if got := b.burst("127.0.0.1", 10); got != "10 passed, 0 noticed, 0 blocked" {
		t.Error(got)
	}
}

// TestManySources: a million of forged addresses take no more memory than was set, and do not
// make a flood forgotten.
func TestManySources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pike.Config{}, "reqs_density_per_unit=10", "max_sources=1024")
		b.burst("192.0.2.7", 20)
		for i := range 100_000 {
			b.from(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
		}
		if got := b.from("192.0.2.7"); got != -1 {
			t.Errorf("the flood after a hundred thousand strangers: %d", got)
		}
		if got := b.statistic("sources"); got > 1024 {
			t.Errorf("%d sources are remembered, want 1024 at most", got)
		}
	})
}

// TestLimitWhileWorking: the limit can be changed, as a reload of the script does it.
func TestLimitWhileWorking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pike.Config{}, "reqs_density_per_unit=10")
		b.burst("192.0.2.7", 10)
		if err := moduletest.Set(t, b.Module, "reqs_density_per_unit", "15"); err != nil {
			t.Fatal(err)
		}
		if got := b.burst("192.0.2.7", 6); got != "5 passed, 1 noticed, 0 blocked" {
			t.Errorf("with five more allowed: %s", got)
		}
	})
}

func TestTop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pike.Config{}, "reqs_density_per_unit=10", "sampling_time_unit=5", "remove_latency=60")
		if got := b.Top("ALL"); len(got.List) != 0 || got.MaxHits != 10 {
			t.Errorf("of an empty table: %+v", got)
		}
		b.burst("192.0.2.1", 3)
		b.burst("192.0.2.2", 12)
		b.burst("2001:db8::5", 7)
		time.Sleep(5 * time.Second)
		b.burst("192.0.2.1", 1)
		hot := ctlproto.PikeSource{IP: "192.0.2.2", HitsPrev: 12, Expires: 55, Status: "HOT"}
		warm := ctlproto.PikeSource{IP: "2001:db8::/64", HitsPrev: 7, Expires: 55, Status: "WARM"}
		cold := ctlproto.PikeSource{IP: "192.0.2.1", HitsPrev: 3, HitsCurr: 1, Expires: 60, Status: "ALL"}
		for filter, want := range map[string][]ctlproto.PikeSource{"HOT": {hot}, "WARM": {hot, warm}, "ALL": {hot, warm, cold}} {
			if got := b.Top(filter); fmt.Sprint(got.List) != fmt.Sprint(want) || got.Total != len(want) {
				t.Errorf("%s: %+v\nwant %+v", filter, got, want)
			}
		}
		if !b.Remove(netip.MustParseAddr("192.0.2.2")) || b.Remove(netip.MustParseAddr("192.0.2.2")) || !b.Remove(netip.MustParseAddr("2001:db8::77")) {
			t.Error("Remove does not tell whether there was anything")
		}
		if got := b.from("192.0.2.2"); got != 1 {
			t.Errorf("forgotten and still blocked: %d", got)
		}
	})
}

// TestBeforeInit: the control socket may ask though no script loads the module.
func TestBeforeInit(t *testing.T) {
	m := pike.New(pike.Config{})
	if got := m.Top("ALL"); len(got.List) != 0 || m.Remove(netip.MustParseAddr("192.0.2.2")) {
		t.Errorf("%+v", got)
	}
}

// TestLog: a flood is logged once, with the Call-ID; many at once do not fill the log.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := newBench(t, pike.Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, "reqs_density_per_unit=1")
		b.burst("192.0.2.7", 50)
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "level=WARN") ||
			!strings.Contains(log.String(), "source=192.0.2.7") || !strings.Contains(log.String(), "call_id=call-1") {
			t.Errorf("one flood:\n%s", log.String())
		}
		for i := range 500 {
			b.burst(fmt.Sprintf("10.0.%d.%d", i>>8, i&255), 2)
		}
		if n := strings.Count(log.String(), "\n"); n != 10 {
			t.Errorf("501 floods in a second are %d lines, want 10", n)
		}
		time.Sleep(time.Second)
		b.burst("10.9.9.9", 2)
		if !strings.Contains(log.String(), "others_not_logged=491") {
			t.Errorf("what was left out is not told:\n%s", log.String())
		}
		log.Reset()
		b = newBench(t, pike.Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, "reqs_density_per_unit=1", "pike_log_level=4")
		b.burst("192.0.2.7", 50)
		if log.Len() > 0 {
			t.Errorf("at level 4: %s", log.String())
		}
	})
}

func TestBadSettings(t *testing.T) {
	for set, want := range map[string]string{
		"sampling_time_unit=0":      "sampling_time_unit 0 is not from 1 to 3600 seconds",
		"reqs_density_per_unit=0":   "reqs_density_per_unit 0 is not from 1 to 1048576",
		"reqs_density_per_unit=-5":  "reqs_density_per_unit -5 is not from 1 to 1048576",
		"remove_latency=86401":      "remove_latency 86401 is not from 1 to 86400 seconds",
		"pike_log_level=5":          "pike_log_level 5 is not from -5 to 4",
		"max_sources=1":             "max_sources 1 is not from 1024 to 16777216",
		"max_sources=1000000000000": "max_sources 1000000000000 is not from 1024 to 16777216",
	} {
		name, value, _ := strings.Cut(set, "=")
		if err := moduletest.Set(t, pike.New(pike.Config{}), name, value); err == nil || err.Error() != want {
			t.Errorf("%s: %v", set, err)
		}
	}
}
