//go:build !race

package daemon

import (
	"bytes"
	"errors"
	"runtime"
	"runtime/debug"
	"testing"

	"seraph/proxy/internal/transport"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// mostForEverything is how many heap objects a call may cost in a router that uses all that
// it has, its rows apart.
const mostForEverything = 5

// The calls that are counted, and those before them, which fill the free lists. Their rows
// are written when the router ends, which takes a busy machine its time.
const (
	everythingCalls  = 400
	everythingWarmUp = 600
)

// everything loads what the embedded script does not, and has each call pass what costs
// something: lists of gateways and peers, an item of a table, a pipe, a flag, AVPs, the
// branch and reply routes, and a line for the log that is not written.
const everything = `
loadmodule "speeddial.so"
loadmodule "dispatcher.so"
loadmodule "uac.so"
loadmodule "uac_redirect.so"
loadmodule "group.so"
loadmodule "path.so"
loadmodule "ratelimit.so"
loadmodule "xlog.so"
modparam("acc", "write_interval", 3600000)
modparam("htable", "htable", "seen=>size=8;autoexpire=300;maxsize=10000")
modparam("ratelimit", "pipe", "0:TAILDROP:100000")
`

// everyMessage begins the main route.
const everyMessage = `
	if (ds_is_from_list("1") || allow_trusted()) {
		setflag(7);
	};
	$avp(who) = $fU;
	$sht(seen=>alice) = 1;
	if (method == "INVITE" && !rl_check("0")) {
		exit;
	};
	if (method == "INVITE" && !has_totag()) {
		sd_lookup("speed_dial");
		is_user_in("From", "int");
		t_on_branch("9");
		xlog("L_DBG", "a call of $fu to $ru");
	};
`

const everyBranch = `
branch_route[9] {
	append_hf("X-Who: $avp(who)\r\n");
}
`

// fillTables gives every table that calls are judged by some rows.
func fillTables(t testing.TB, url string) {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	bob, ctx := of("bob"), t.Context()
	second := aor.AOR{User: "100", Domain: testDomain}
	err = errors.Join(
		db.Aliases.Add(ctx, second, bob), db.Groups.Grant(ctx, of("alice"), "int"),
		db.Addresses.Add(ctx, store.Address{Group: 1, IP: "192.0.2.0", Mask: 24}), db.Trusted.Add(ctx, store.TrustedPeer{IP: "198.51.100.1", Proto: "any"}),
		db.Dispatcher.Add(ctx, store.Gateway{Set: 1, URI: "sip:203.0.113.1"}),
		db.SpeedDials.Add(ctx, store.SpeedDial{Owner: of("alice"), Dialed: second, URI: bobURI()}),
		db.CallRules.Set(ctx, store.CallRule{Owner: bob, Kind: store.RuleBlock, Pattern: "sip:mallory@*", Enabled: true}),
		db.CallRules.Set(ctx, store.CallRule{Owner: bob, Kind: store.RuleBusy, Target: "sip:alice@" + testDomain, Enabled: true}),
		db.CallRules.Set(ctx, store.CallRule{Owner: bob, Kind: store.RuleNoAnswer, Target: "sip:alice@" + testDomain, Seconds: 20, Enabled: true}),
	)
	if err != nil {
		t.Fatal(err)
	}
}

// costOfEverything is how many heap objects a call costs.
func costOfEverything(t *testing.T, planted string) float64 {
	alone(t)
	r := newRigOf(t, transport.UDP, everything, everyMessage+planted, everyBranch, fillTables)
	c := &caller{rig: r, alicePort: r.port(), bobPort: r.port(), out: make([]byte, 0, 64<<10)}
	c.alice, c.bob = r.flow(uint16(c.alicePort)), r.flow(uint16(c.bobPort))
	c.bobContact = []byte(c.contact("bob", c.bobPort))
	r.register("bob", c.bobPort)
	for _, s := range c.prepare("warm", everythingWarmUp) {
		c.play(&s)
	}
	probe := c.prepare("probe", 1)
	if c.receive(c.alice, probe[0].invite); !bytes.Contains(c.the("INVITE "), []byte("\r\nX-Who: alice\r\n")) {
		t.Errorf("the script does not do what is measured: %s", c.the("INVITE "))
	}
	c.settle()
	list := c.prepare("measured", everythingCalls)
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range list {
		c.play(&list[i])
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / everythingCalls
}

// TestEverythingCostsLittle: a call through a script that uses every module, with rows in
// every table, costs at most five heap objects, its rows in the database apart.
func TestEverythingCostsLittle(t *testing.T) {
	n := costOfEverything(t, "")
	t.Logf("%.2f heap objects a call", n)
	if n > mostForEverything {
		t.Errorf("%.2f heap objects a call, at most %d are allowed", n, mostForEverything)
	}
}

// TestEverythingCostIsFound: the count sees what is planted, a line in the log for each
// request.
func TestEverythingCostIsFound(t *testing.T) {
	if n := costOfEverything(t, `xlog("L_ERR", "request $rm of $ci");`); n <= mostForEverything {
		t.Errorf("only %.2f heap objects a call were counted although each request is logged", n)
	}
}
