// Package tm is SER's module tm: stateful relaying, replies through the
// transaction, and the arming of failure and reply routes. README.md is its
// manual page.
package tm

import (
	"fmt"
	"time"

	"seraph/proxy/internal/module"
)

// Config is what the module needs: nothing so far.
type Config struct{}

// Settings are the timers that the script sets; zero where it does not. The
// daemon gives them to the transaction table and the relay.
type Settings struct {
	// FrTimer is how long a request waits for a first reply (Timer B and F).
	FrTimer time.Duration
	// FrInvTimer is how long an INVITE may ring (Timer C).
	FrInvTimer time.Duration
	// FrTimerAVP and FrInvTimerAVP name AVPs that hold them for one transaction, in seconds;
	// empty for none.
	FrTimerAVP, FrInvTimerAVP string
	// ForgetOld says that a failure route which sends the request on makes the replies before
	// be forgotten.
	ForgetOld bool
	// T1 and T2 are the first and the longest interval of retransmission.
	T1, T2 time.Duration
}

// Module is tm.
type Module struct{ settings Settings }

// New makes the module.
func New(Config) *Module { return &Module{} }

// Name is "tm".
func (m *Module) Name() string { return "tm" }

// Settings returns what the script has set.
func (m *Module) Settings() Settings { return m.settings }

// The longest times without a reply, and of ringing, in seconds.
const mostSilence, mostRing = 300, 900

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return append(idleParams(), atStart(
		module.Param{Name: "fr_timer", Kind: module.Int, Set: eitherUnit(&m.settings.FrTimer, mostSilence),
			Doc: "how long a request waits for a first reply: seconds, 1 to 300, or milliseconds, 1000 to 300000; 32 s if not set"},
		module.Param{Name: "fr_inv_timer", Kind: module.Int, Set: eitherUnit(&m.settings.FrInvTimer, mostRing),
			Doc: "how long an INVITE may ring: seconds, 1 to 900, or milliseconds, 1000 to 900000; 180 s if not set"},
		module.Param{Name: "retr_timer1", Kind: module.Int, Set: milliseconds(&m.settings.T1, 10, 5000),
			Doc: "milliseconds to the first retransmission, T1; 500 if not set"},
		module.Param{Name: "retr_timer2", Kind: module.Int, Set: milliseconds(&m.settings.T2, 100, 60000),
			Doc: "milliseconds between retransmissions at most, T2; 4000 if not set"},
		module.AVPParam("fr_timer_avp", &m.settings.FrTimerAVP, "an AVP with the seconds that this request waits for a first reply"),
		module.AVPParam("fr_inv_timer_avp", &m.settings.FrInvTimerAVP, "an AVP with the seconds that this INVITE may ring"),
		module.Param{Name: "failure_reply_mode", Kind: module.Int, Set: m.setReplyMode,
			Doc: "1 to 3: a failure route that sends the request on makes the replies before be forgotten; 0 if not set: they count"},
	)...)
}

// atStart marks parameters of the table of transactions and of the relay, which the router makes
// at its start.
func atStart(list ...module.Param) []module.Param {
	for i := range list {
		list[i].AtStart = true
	}
	return list
}

// idleParams are timers and switches of SER and Kamailio that have nothing to set here.
func idleParams() []module.Param {
	var list []module.Param
	for _, p := range [...]struct{ name, why string }{
		{"wt_timer", "how long an ended transaction absorbs repetitions says RFC 3261"},
		{"delete_timer", "memory is given back by itself"},
		{"max_inv_lifetime", "an INVITE ends by fr_inv_timer, which begins anew with each answer that says it rings"},
		{"max_noninv_lifetime", "what is no INVITE ends by fr_timer"},
		{"noisy_ctimer", "an INVITE that rings too long is always cancelled, and answered with 408"},
		{"restart_fr_on_each_reply", "fr_inv_timer begins anew with each answer that says it rings"},
		{"auto_inv_100", "an INVITE that is sent on is always answered with 100"},
	} {
		set := func(_ string, n int) error {
			if n < 0 {
				return fmt.Errorf("%d is less than 0", n)
			}
			return nil
		}
		list = append(list, module.Param{Name: p.name, Kind: module.Int, Set: set, Idle: p.why, Doc: "taken and not used: " + p.why})
	}
	return list
}

func (m *Module) setReplyMode(_ string, n int) error {
	if n < 0 || n > 3 {
		return fmt.Errorf("failure_reply_mode is a number from 0 to 3, not %d", n)
	}
	m.settings.ForgetOld = n > 0
	return nil
}

// leastMilliseconds is from when on a timer that may be in either unit is in milliseconds: no
// phone rings for a thousand seconds, nor for less than one.
const leastMilliseconds = 1000

// eitherUnit sets a timer that SER counts in seconds and Kamailio in milliseconds, of most
// seconds at most. What can only be one of the two is that; the rest is refused.
func eitherUnit(to *time.Duration, most int) func(string, int) error {
	return func(_ string, n int) error {
		switch {
		case n >= 1 && n <= most:
			*to = time.Duration(n) * time.Second
		case n >= leastMilliseconds && n <= most*1000:
			*to = time.Duration(n) * time.Millisecond
		default:
			return fmt.Errorf("%d is neither seconds, 1 to %d, as in SER, nor milliseconds, %d to %d, as in Kamailio", n, most, leastMilliseconds, most*1000)
		}
		return nil
	}
}

func milliseconds(to *time.Duration, least, most int) func(string, int) error {
	return func(_ string, n int) error {
		if n < least || n > most {
			return fmt.Errorf("%d is no number of milliseconds from %d to %d", n, least, most)
		}
		*to = time.Duration(n) * time.Millisecond
		return nil
	}
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const routes = module.RequestRoute | module.FailureRoute
	list := []module.Func{
		{Name: "t_relay", Max: 2, Routes: routes, MayWait: true, Compile: m.compileRelay(""),
			Doc: "sends the request on to its targets, or to a host and port"},
		{Name: "t_relay_to_udp", Max: 2, Routes: routes, MayWait: true, Compile: m.compileRelay("udp"),
			Doc: "sends the request on over UDP, to its targets or to a host and port"},
		{Name: "t_relay_to_tcp", Max: 2, Routes: routes, MayWait: true, Compile: m.compileRelay("tcp"),
			Doc: "sends the request on over TCP, to its targets or to a host and port"},
		{Name: "t_relay_to_tls", Max: 2, Routes: routes, MayWait: true, Compile: m.compileRelay("tls"),
			Doc: "sends the request on over TLS, to its targets or to a host and port"},
		{Name: "t_newtran", Routes: routes, Compile: module.NoArgs(newTransaction),
			Doc: "begins the transaction, so that retransmissions are absorbed"},
		{Name: "t_release", Routes: module.RequestRoute, Compile: module.NoArgs(release),
			Doc: "true if there is a transaction and nothing was done with it: it ends with the script"},
		{Name: "t_reply", Min: 1, Max: 2, Routes: routes, Dynamic: true, Compile: compileReply,
			Doc: "answers the request through its transaction"},
		{Name: "t_on_failure", Min: 1, Max: 1, Routes: routes, Compile: arm(func(c *module.Ctx, n int) { c.OnFailure = n }),
			Doc: "arms the failure_route that runs if no branch succeeds; 0 disarms"},
		{Name: "t_on_reply", Min: 1, Max: 1, Routes: routes, Compile: arm(func(c *module.Ctx, n int) { c.OnReply = n }),
			Doc: "arms the onreply_route for the replies of the branches; 0 disarms"},
		{Name: "t_on_branch", Min: 1, Max: 1, Routes: routes, Compile: arm(func(c *module.Ctx, n int) { c.OnBranch = n }),
			Doc: "arms the branch_route that runs for each branch before it is sent; 0 disarms"},
		{Name: "t_check_status", Min: 1, Max: 1, Routes: module.FailureRoute | module.ReplyRoute, Compile: compileCheckStatus,
			Doc: "true if the best status since the request was last sent on, or the reply's, matches a regular expression"},
	}
	return append(append(list, forkFuncs()...), checkFuncs()...)
}

// arm compiles a function that arms a route by its number.
func arm(set func(c *module.Ctx, n int)) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		n, err := args[0].Int(0, 1<<16)
		if err != nil {
			return nil, fmt.Errorf("route %w", err)
		}
		return func(c *module.Ctx) int {
			set(c, n)
			return module.True
		}, nil
	}
}
