package tm

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// compileRelay compiles t_relay; proto is the transport parameter of the host that
// may be given, "" for none.
func (m *Module) compileRelay(proto string) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		switch len(args) {
		case 0:
			if proto == "" {
				return m.send, nil
			}
			return m.over([]byte(";transport=" + proto)), nil
		case 1:
			return nil, errors.New("a host needs a port after it: t_relay(\"host\", \"port\")")
		}
		next, err := nextHop(args[0].Str, args[1], proto)
		if err != nil {
			return nil, err
		}
		return func(c *module.Ctx) int {
			toServer(&c.Main, next)
			for i := range c.More {
				toServer(&c.More[i], next)
			}
			return m.send(c)
		}, nil
	}
}

// over is t_relay with every target reached by one transport, whatever its URI says of
// that; param is the transport parameter.
func (m *Module) over(param []byte) module.Call {
	return func(c *module.Ctx) int {
		by(c, &c.Main, param)
		for i := range c.More {
			by(c, &c.More[i], param)
		}
		return m.send(c)
	}
}

// by makes the next hop of a target the host that it has, over a transport. What is no
// SIP URI stays, and is refused where it is sent.
func by(c *module.Ctx, t *relay.Target, param []byte) {
	hop := t.URI
	if t.Next != nil {
		hop = t.Next
	}
	var u sip.URI
	if sip.ParseURI(hop, &u) != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS {
		return
	}
	host := u.Host
	if m, ok := u.Param("maddr"); ok && len(m) > 0 {
		host = m
	}
	var room [512]byte
	next := append(append(room[:0], "sip:"...), host...)
	if u.Port != 0 {
		next = sip.AppendUint(append(next, ':'), uint64(u.Port))
	}
	if next = append(next, param...); !bytes.Equal(next, t.Next) { // else a second call would look new
		next = c.Keep(next)
	} else {
		next = t.Next
	}
	// Without its flow a phone is called where its owner says, who may name a gateway; along a Path it is not.
	t.Given = t.Given || !t.Flow.IsZero() && t.OwnersWord()
	of := relay.NextRelay
	if t.NextOf == relay.NextUsers {
		of = relay.NextUsers // over another transport it is that user's word still
	}
	through(t, next, of)
}

// toServer is through where the next hop is no phone, whatever was found before. Without the next hop, in a
// failure route, the target leads where its owner says.
func toServer(t *relay.Target, next []byte) {
	t.Given = t.OwnersWord()
	through(t, next, relay.NextServer)
	t.Phone = false
}

// through sends a target's request to a next hop, for this time.
func through(t *relay.Target, next []byte, of relay.NextOf) {
	t.LeaveFlow()
	t.Next, t.NextOf = next, of
}

// nextHop makes the URI of a host, a port and a transport.
func nextHop(host string, portArg module.Arg, proto string) ([]byte, error) {
	port, err := portArg.Int(1, 65535)
	if err != nil {
		return nil, fmt.Errorf("port %w", err)
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	text := fmt.Sprintf("sip:%s:%d", host, port)
	if proto != "" {
		text += ";transport=" + proto
	}
	var u sip.URI
	if strings.ContainsAny(host, "@;?") || sip.ParseURI([]byte(text), &u) != nil {
		return nil, fmt.Errorf("%q is no host", host)
	}
	return []byte(text), nil
}

// send is t_relay. What goes wrong in the request route is answered here, as SER
// does, so that a sl_reply_error after it finds nothing to do. In a failure route
// the reply that led there goes up instead; where a t_relay before has sent the request on,
// that of a branch.
func (m *Module) send(c *module.Ctx) int {
	m.prepare(c)
	err := c.Relay()
	switch {
	case err == nil:
		return module.True
	case errors.Is(err, relay.ErrNoTransaction):
		return module.Stop // a copy of the request that another worker has taken
	case c.Route == module.FailureRoute, errors.Is(err, relay.ErrAlreadyReplied), c.Underway():
		return module.False
	}
	rep := refusal(err)
	_ = c.Reply(&rep)
	return module.False
}

// prepare gives the transaction the timers of its AVPs (SER's fr_inv_timer_avp), and says what
// becomes of the replies before.
func (m *Module) prepare(c *module.Ctx) {
	s := &m.settings
	c.ForgetOld = s.ForgetOld
	if s.FrInvTimerAVP == "" && s.FrTimerAVP == "" {
		return
	}
	c.SetTimers(secondsOf(c, s.FrInvTimerAVP, mostRing), secondsOf(c, s.FrTimerAVP, mostSilence))
}

// secondsOf is the time in an AVP; 0 if it is not set or no number of seconds up to most.
func secondsOf(c *module.Ctx, avp string, most int64) time.Duration {
	if avp == "" {
		return 0
	}
	n, ok := c.AVP(avp).Int()
	if !ok || n < 1 || n > most {
		return 0
	}
	return time.Duration(n) * time.Second
}

// noSIPS says that the address cannot be reached over TLS all the way (RFC 5630 §6.2).
var noSIPS = []byte("Warning: 380 seraph \"SIPS Not Allowed\"\r\n")

var retryAfter = []byte("Retry-After: 5\r\n")

// refusal is the reply for a request that could not be sent on.
func refusal(err error) sip.Reply {
	switch {
	case errors.Is(err, relay.ErrOverload), errors.Is(err, transport.ErrTooManyConns), errors.Is(err, transport.ErrQueueFull),
		errors.Is(err, transport.ErrResolverBusy):
		return sip.Reply{Status: 503, Extra: retryAfter}
	case errors.Is(err, relay.ErrForeignRoute):
		return sip.Reply{Status: 403, Reason: "Not Our Route"}
	case errors.Is(err, relay.ErrFlowFailed):
		return sip.Reply{Status: 430, Reason: "Flow Failed"} // RFC 5626 §11.5
	case errors.Is(err, relay.ErrNoDialog):
		return sip.Reply{Status: 481}
	case errors.Is(err, relay.ErrLoop):
		return sip.Reply{Status: 482}
	case errors.Is(err, relay.ErrBreadth):
		return sip.Reply{Status: 440}
	case errors.Is(err, relay.ErrBadTarget):
		return sip.Reply{Status: 416}
	case errors.Is(err, sip.ErrURI):
		return sip.Reply{Status: 400, Reason: "Bad Request-URI"}
	case errors.Is(err, relay.ErrNotConnected):
		return sip.Reply{Status: 477, Reason: "Not Connected"} // Kamailio's code
	case errors.Is(err, transport.ErrFlowGone), errors.Is(err, relay.ErrBarred):
		return sip.Reply{Status: 480} // the phone's connection is closed, or there is no phone
	case errors.Is(err, relay.ErrInsecure):
		return sip.Reply{Status: 480, Extra: noSIPS} // RFC 5630 §5.3
	case errors.Is(err, transport.ErrTooLarge), errors.Is(err, relay.ErrOverlong):
		return sip.Reply{Status: 513}
	}
	return sip.Reply{Status: 478, Reason: "Unresolvable destination"} // Kamailio's code
}
