package nathelper

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// settings are the parameters.
type settings struct {
	interval  time.Duration // between two pings of a phone; 0 for none
	natedOnly bool          // phones that are not behind a NAT are not pinged
	from      string        // of the SIP requests; "" for empty datagrams
	method    string
	keepalive time.Duration // after which a silent phone is dropped; 0 for never
	reserved  bool          // nat_addr_mode
}

func defaults() settings { return settings{method: "OPTIONS", reserved: true, natedOnly: true} }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	s := &m.set
	return []module.Param{
		module.SecondsParam("natping_interval", &s.interval, 0, 3600, "seconds between two pings of a phone, 0 for none (default 0)"),
		module.SwitchParam("ping_nated_only", &s.natedOnly, "1: phones behind a NAT only are pinged (default); 0: all that have a flow"),
		{Name: "sipping_from", Kind: module.String, Set: s.setFrom, Doc: "From of the SIP requests that ping; without it phones get four zero bytes"},
		{Name: "sipping_method", Kind: module.String, Set: s.setMethod, Doc: "method of these requests (default OPTIONS)"},
		module.SecondsParam("keepalive_timeout", &s.keepalive, 0, 86400, "seconds after which a phone that answers no ping is dropped, 0 for never (default 0)"),
		module.SwitchParam("nat_addr_mode", &s.reserved, "1: 192.0.0.0/24 is private, too (default); 0: it is not"),
		{Name: "natping_processes", Kind: module.Int, Doc: "taken and not used: one goroutine sends all pings",
			Set: func(_ string, n int) error {
				if n < 1 {
					return fmt.Errorf("natping_processes %d is no number above 0", n)
				}
				return nil
			}},
		module.AVPParam("received_avp", new(string), "taken and not used: save keeps the source of each binding by itself"),
		{Name: "sipping_bflag", Kind: module.Int, Doc: "taken and not used: with sipping_from all pings over UDP are SIP requests",
			Set: func(_ string, n int) error {
				if n < -1 || n > 31 {
					return fmt.Errorf("sipping_bflag %d is no flag from 0 to 31, or -1", n)
				}
				return nil
			}},
		never("natping_disable_bflag", -1, "pings do not go by branch flags: ping_nated_only says who is pinged"),
		never("udpping_from_path", 0, "phones behind a Path are pinged by the router that they register at"),
		never("filter_server_id", 0, "one router at a time serves the location table"),
		refused("natping_socket", "pings leave by the socket at which the phone has registered: another address would not pass its NAT"),
		refused("force_socket", "pings leave by the socket at which the phone has registered: another address would not pass its NAT"),
	}
}

// never is a parameter that can only say that something is off.
func never(name string, off int, why string) module.Param {
	return module.Param{Name: name, Kind: module.Int, Doc: fmt.Sprintf("taken if %d: %s", off, why), Set: func(_ string, n int) error {
		if n != off {
			return fmt.Errorf("%s can only be %d: %s", name, off, why)
		}
		return nil
	}}
}

// refused is a parameter that is never taken.
func refused(name, why string) module.Param {
	return module.Param{Name: name, Kind: module.String, Doc: "refused: " + why, Set: func(string, int) error {
		return fmt.Errorf("%s is not supported: %s", name, why)
	}}
}

func (s *settings) setFrom(v string, _ int) error {
	var u sip.URI
	if sip.ParseURI([]byte(v), &u) != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS || len(u.Host) == 0 || len(v) > 255 || strings.ContainsAny(v, "<>\" \t\r\n") {
		return fmt.Errorf("sipping_from: %q is no SIP address", v)
	}
	s.from = v
	return nil
}

// setMethod takes a method that begins nothing.
func (s *settings) setMethod(v string, _ int) error {
	switch v {
	case "OPTIONS", "INFO", "NOTIFY", "MESSAGE":
		s.method = v
		return nil
	}
	return fmt.Errorf("sipping_method %q is none of OPTIONS, INFO, NOTIFY and MESSAGE", v)
}

// check refuses values that do not go together.
func (s *settings) check() error {
	switch {
	case s.keepalive == 0:
		return nil
	case s.interval == 0:
		return errors.New("keepalive_timeout needs natping_interval: phones that are not pinged answer nothing")
	case s.from == "":
		return errors.New("keepalive_timeout needs sipping_from: phones do not answer an empty datagram")
	case s.keepalive < 2*s.interval:
		return errors.New("keepalive_timeout must be twice natping_interval at least: one lost answer is no silence")
	}
	return nil
}
