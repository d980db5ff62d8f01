package dialog_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/dialog"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/ua"
)

const (
	alice = "udp:192.0.2.7:5060"
	bob   = "udp:192.0.2.8:5060"
	carol = "udp:192.0.2.9:5060"
)

// office is the module in a router with a short script: alice calls bob.
type office struct {
	t      *testing.T
	m      *dialog.Module
	router *moduletest.Router
	sender *phones

	mu      sync.Mutex
	events  []string
	talks   []string
	byes    []bool      // of each BYE that was answered with 2xx, whether it passed between the ends
	rows    int         // how many INVITEs were answered so that are in no dialog: the accounts have a row of each
	targets []string    // where the next INVITE goes; bob if there is none
	before  module.Call // a function of the module that the script begins with
	result  *[]int      // what it returned
	// branch and afterwards are the branch and the failure route, which before arms.
	branch, afterwards func(c *module.Ctx)
}

// phones answer what the router sends by itself.
type phones struct {
	mu      sync.Mutex
	sent    []ua.Within
	answers map[string]int // by "METHOD To-tag"; 200 otherwise, 0 is silence
	// authorized are those to requests with credentials, and silent says, after it has waited,
	// whether nobody answers.
	authorized map[string]int
	silent     func(ctx context.Context, w ua.Within) bool
	fault      error // of everything that is to be sent; nil for none
}

func (p *phones) SendWithin(ctx context.Context, w ua.Within) (ua.Answer, error) {
	if p.silent != nil && p.silent(ctx, w) {
		return ua.Answer{}, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, w)
	if p.fault != nil {
		return ua.Answer{}, p.fault
	}
	name := w.Method.String() + " " + w.ToTag
	status, ok := p.answers[name]
	if granted, has := p.authorized[name]; has && strings.Contains(w.Headers, "Authorization:") {
		status, ok = granted, true
	}
	switch {
	case !ok:
		return ua.Answer{Status: 200, Reason: "OK"}, nil
	case status == 0:
		return ua.Answer{}, errors.New("no answer")
	}
	answer := ua.Answer{Status: status, Reason: "As told"}
	if status == 407 {
		answer.Challenge.Lines = "the challenge"
	}
	return answer, nil
}

// lines are what was sent, in one line each, and are forgotten.
func (p *phones) lines() (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.sent {
		line := fmt.Sprintf("%s %s to %s from %s cseq %d by %s", w.Method, w.Target, w.ToTag, w.FromTag, w.CSeq, w.Flow.Remote)
		if len(w.Routes) > 0 {
			line += " along " + strings.Join(w.Routes, " ")
		}
		list = append(list, line)
	}
	p.sent = nil
	return list
}

// newOffice makes the module with parameters "name value".
func newOffice(t *testing.T, params ...string) *office {
	t.Helper()
	return newOfficeAt(t, -1, params...)
}

// newOfficeAt is newOffice for a process that began so many minutes from now.
func newOfficeAt(t *testing.T, minutes int, params ...string) *office {
	t.Helper()
	started := time.Now().Add(time.Duration(minutes) * time.Minute)
	return newOfficeWith(t, func(c *dialog.Config) { c.Started = started }, params...)
}

// newOfficeWith is newOffice with another configuration.
func newOfficeWith(t *testing.T, change func(c *dialog.Config), params ...string) *office {
	t.Helper()
	o := &office{t: t, sender: &phones{answers: map[string]int{}}}
	note := func(list *[]string, text string) {
		o.mu.Lock()
		defer o.mu.Unlock()
		*list = append(*list, text)
	}
	cfg := dialog.Config{
		Started: time.Now().Add(-time.Minute), Sender: o.sender, Local: func(d []byte) bool { return string(d) == "example.org" },
		Wanted: func(topic string) bool { return topic == ctlproto.TopicDialog },
		Publish: func(_ string, data any) {
			e := data.(ctlproto.DialogEvent)
			note(&o.events, strings.TrimSpace(fmt.Sprintf("%s %s>%s %s", e.State, e.Caller, e.Callee, e.HungUpBy)))
		},
		Answered: func(a *dialog.Account) {
			note(&o.talks, fmt.Sprintf("answered %s %s %s>%s", a.CallID, a.FromTag, a.Caller, a.Callee))
		},
		Ended: func(a *dialog.Account) {
			note(&o.talks, fmt.Sprintf("ended %s %s after %s by %q", a.CallID, a.ToTag, a.Ended.Sub(a.Answered), a.HungUpBy))
		},
	}
	change(&cfg)
	o.m = dialog.New(cfg)
	for _, p := range params {
		name, value, _ := strings.Cut(p, " ")
		if err := moduletest.Set(t, o.m, name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.m.Init(); err != nil {
		t.Fatal(err)
	}
	script := &moduletest.Script{Request: o.route, Failure: func(c *module.Ctx, _ int) { o.afterwards(c) }, Branch: func(c *module.Ctx, _ int) bool { o.branch(c); return true }}
	o.router = moduletest.New(t, script, func(c *relay.Config) {
		c.Dialogs, c.Accountant = o.m, accounts{o}
		c.Gateway = func(a netip.Addr) bool { return a == gatewayAt || a == otherGatewayAt }
	})
	o.m.Attach(nil, o.router.Engine.OurRoute)
	return o
}

// accounts is an Accountant that notes what is said of BYEs and INVITEs.
type accounts struct{ *office }

func (x accounts) Ended(c *relay.Call, status int, _ []byte) {
	switch {
	case status/100 != 2:
	case c.Method() == sip.BYE:
		x.byes = append(x.byes, c.BetweenEnds())
	case !c.InDialog():
		x.rows++
	}
}

func (x accounts) Refused(*relay.Request, int, []byte) {}

// route is the script.
func (o *office) route(c *module.Ctx) {
	if o.before != nil {
		if n := o.before(c); o.result != nil {
			*o.result = append(*o.result, n)
		}
	}
	to, err := c.Msg.To()
	if err != nil {
		return
	}
	if c.LooseRoute() || to.Tag != nil {
		o.send(c)
		return
	}
	c.RecordRoute()
	c.Callee = []byte("bob@example.org")
	if h := c.Msg.Named("X-User"); h != nil {
		c.Auth = relay.Identity{User: c.Msg.Value(h), Domain: []byte("example.org")}
	}
	if h := c.Msg.Named("X-Flag"); h != nil {
		c.Flags = 1 << 4
	}
	if len(o.targets) == 0 {
		c.Main.Flow = o.router.Flow(bob)
	}
	for i, target := range o.targets {
		if i == 0 {
			c.Main.Flow = o.router.Flow(target)
			continue
		}
		_ = c.AddTarget(relay.Target{URI: c.Main.URI, Flow: o.router.Flow(target)})
	}
	o.send(c)
}

func (o *office) send(c *module.Ctx) {
	switch err := c.Relay(); {
	case errors.Is(err, relay.ErrNoDialog):
		_ = c.ReplyStateless(&sip.Reply{Status: 481})
	case err != nil:
		_ = c.ReplyStateless(&sip.Reply{Status: 478, Reason: err.Error()})
	}
}

// call is a call from alice on its way.
type call struct {
	*office
	id     string
	invite *sip.Message // as bob has it
	routes string       // Route lines of requests of alice, with line ends
	back   string       // of bob
}

// invites makes alice call bob; further header lines go with it.
func (o *office) invites(id string, lines ...string) *call {
	o.t.Helper()
	c := &call{office: o, id: id}
	text := moduletest.Request("INVITE", "sip:bob@example.org", append(lines, "Contact: <sip:alice@192.0.2.7>", "X-User: alice")...)
	text = strings.NewReplacer("call-1\n", id+"\n", "z9hG4bK-INVITE", "z9hG4bK-INVITE-"+id).Replace(text)
	c.invite = c.the("INVITE ", o.router.Receive(alice, text))
	return c
}

// fills has n users, each of them from another host, call bob.
func (o *office) fills(n int) {
	o.t.Helper()
	for i := range n {
		o.the("INVITE ", o.invitesAs(fmt.Sprint("user", i), fmt.Sprintf("udp:198.18.0.%d:5060", i), fmt.Sprint("full-", i)))
	}
}

// the is the first of the packets that begins with start.
func (o *office) the(start string, packets []moduletest.Packet) *sip.Message {
	o.t.Helper()
	for _, p := range packets {
		if strings.HasPrefix(p.Text, start) {
			m := &sip.Message{}
			if err := m.Parse([]byte(p.Text)); err != nil {
				o.t.Fatal(err)
			}
			return m
		}
	}
	o.t.Fatalf("no %q in %v", start, packets)
	return nil
}

// answers lets bob, or whom from says, answer the INVITE.
func (c *call) answers(from string, status int, tag string, lines ...string) *sip.Message {
	c.t.Helper()
	name := map[string]string{bob: "bob@192.0.2.8", carol: "carol@192.0.2.9"}[from]
	extra := "Contact: <sip:" + name + ">\r\n"
	for _, l := range lines {
		if strings.HasPrefix(l, "Contact:") {
			extra = ""
		}
	}
	for _, l := range lines {
		extra += l + "\r\n"
	}
	rep := sip.Reply{Status: status, ToTag: []byte(tag), RecordRoute: true, Extra: []byte(extra)}
	m := c.the("SIP/2.0 ", c.router.Receive(from, string(c.invite.AppendReply(nil, &rep))))
	if status < 300 {
		var list []string
		values := m.Values(sip.HdrRecordRoute)
		for v := values.Next(); v != nil; v = values.Next() {
			list = append(list, string(v))
		}
		c.routes, c.back = "", ""
		for i := range list {
			c.routes += "Route: " + list[len(list)-1-i] + "\n"
			c.back += "Route: " + list[i] + "\n"
		}
	}
	return m
}

// request is a request of alice within the dialog; it returns what the router sent.
func (c *call) request(method, uri string, cseq int, tag string, lines ...string) []moduletest.Packet {
	c.t.Helper()
	return c.router.Receive(alice, c.text(method, uri, cseq, "at", tag, c.routes, lines...))
}

func (c *call) text(method, uri string, cseq int, fromTag, toTag, routes string, lines ...string) string {
	from, to := "<sip:alice@example.org>", "<sip:bob@example.org>"
	if fromTag != "at" {
		from, to = to, from
	}
	return fmt.Sprintf("%s %s SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-%s-%s-%d-%s;rport\nMax-Forwards: 70\nFrom: %s;tag=%s\nTo: %s;tag=%s\nCall-ID: %s\nCSeq: %d %s\n%s",
		method, uri, method, c.id, cseq, fromTag, from, fromTag, to, toTag, c.id, cseq, method, routes) + join(lines) + "Content-Length: 0\n"
}

func join(lines []string) (text string) {
	for _, l := range lines {
		text += l + "\n"
	}
	return text
}

// up brings a call up: 180, 200, ACK.
func (c *call) up(lines ...string) *call {
	c.t.Helper()
	c.answers(bob, 180, "bt")
	c.answers(bob, 200, "bt", lines...)
	c.the("ACK ", c.request("ACK", "sip:bob@192.0.2.8", 1, "bt"))
	return c
}

// hangsUp is alice's BYE, answered by bob.
func (c *call) hangsUp(cseq int) {
	c.t.Helper()
	c.reply(bob, c.the("BYE ", c.request("BYE", "sip:bob@192.0.2.8", cseq, "bt")), 200)
}

// reply answers a request that the router has sent on.
func (c *call) reply(from string, m *sip.Message, status int, lines ...string) []moduletest.Packet {
	c.t.Helper()
	rep := sip.Reply{Status: status, Extra: []byte(strings.ReplaceAll(join(lines), "\n", "\r\n"))}
	return c.router.Receive(from, string(m.AppendReply(nil, &rep)))
}

// wantStates checks how many dialogs are starting, connecting, answering and ongoing.
func (o *office) wantStates(when string, want ...int) {
	o.t.Helper()
	a := o.m.Active()
	if got := []int{a.Starting, a.Connecting, a.Answering, a.Ongoing}; fmt.Sprint(got) != fmt.Sprint(want) {
		o.t.Errorf("%s: starting, connecting, answering, ongoing are %v, want %v", when, got, want)
	}
}

// wantBusy checks who is on the phone.
func (o *office) wantBusy(when, want string) {
	o.t.Helper()
	var got []string
	for _, name := range []string{"alice", "bob", "carol"} {
		if o.m.Busy(name + "@example.org") {
			got = append(got, name)
		}
	}
	if s := strings.Join(got, " "); s != want {
		o.t.Errorf("%s: on the phone are %q, want %q", when, s, want)
	}
}

// statistic is a counter of the module.
func (o *office) statistic(name string) (n int64) {
	o.m.Statistics(func(_, key string, v int64) {
		if key == name {
			n = v
		}
	})
	return n
}

// wantNothingLeft checks that no record is in use.
func (o *office) wantNothingLeft() {
	o.t.Helper()
	if n := o.statistic("records"); n != 0 {
		o.t.Errorf("%d records are left", n)
	}
	o.wantStates("in the end", 0, 0, 0, 0)
	o.wantBusy("in the end", "")
}

var errSend = errors.New("no buffer space")

func long(n int) string { return strings.Repeat("x", n) }

func contains(text string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

// fresh is the INVITE of another call.
func (c *call) fresh(id string) string {
	text := moduletest.Request("INVITE", "sip:bob@example.org", "Contact: <sip:alice@192.0.2.7>", "X-User: alice")
	return strings.NewReplacer("call-1\n", id+"\n", "z9hG4bK-INVITE", "z9hG4bK-INVITE-"+id).Replace(text)
}

// cancel is the CANCEL of the call.
func (c *call) cancel() string {
	text := moduletest.Request("CANCEL", "sip:bob@example.org")
	return strings.NewReplacer("call-1\n", c.id+"\n", "z9hG4bK-CANCEL", "z9hG4bK-INVITE-"+c.id).Replace(text)
}

// run runs the module until the returned function is called.
func (o *office) run() func() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); o.m.Run(ctx) }()
	return func() { cancel(); <-done }
}

// until waits for a condition, which is read under the office's lock.
func (o *office) until(ok func() bool) {
	o.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); ; <-tick.C {
		o.mu.Lock()
		done := ok()
		o.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			o.t.Fatal("it does not come true")
		}
	}
}
