package dispatcher

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// settings are what the script sets.
type settings struct {
	interval           time.Duration // between pings, 0 for none
	timeout            time.Duration // of one ping
	from               string
	probeAll           bool
	toInactive         int32 // failures in a row
	toActive           int32 // answers in a row
	codes              [700]bool
	forceDst, lastDflt bool
	tryInactive        bool
	latency            bool           // is measured
	alpha              int            // thousandths of the estimate that stay
	hash               *module.Format // of algorithm 7
}

func defaults() settings {
	s := settings{timeout: 8 * time.Second, toInactive: 3, toActive: 1, forceDst: true, alpha: 900}
	for i := 200; i < 300; i++ {
		s.codes[i] = true
	}
	return s
}

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	s := &m.set
	return []module.Param{
		module.DBURLParam(&m.DatabaseURL),
		{Name: "table_name", Kind: module.String, Doc: "only dispatcher",
			Set: func(text string, _ int) error {
				if text != tableName {
					return fmt.Errorf("%q is no table of gateways; it is called %q", text, tableName)
				}
				return nil
			}},
		{Name: "flags", Kind: module.Int, Doc: "taken from 0 to 3: the failover that 2 switches on is always there",
			Set: func(_ string, n int) error {
				if n < 0 || n > 3 {
					return fmt.Errorf("flags %d is not from 0 to 3", n)
				}
				return nil
			}},
		module.SwitchParam("force_dst", &s.forceDst, "0 leaves a destination that is set already alone, 1 (default) replaces it"),
		module.SwitchParam("use_default", &s.lastDflt, "1 keeps the last gateway of a set for when all others are away"),
		module.SwitchParam("ds_try_inactive", &s.tryInactive, "1 tries inactive gateways where no other of the set can be used"),
		{Name: "hash_pvar", Kind: module.String, Doc: "what algorithm 7 goes by: a text with variables, such as $fU@$fd",
			Set: func(text string, _ int) error {
				f, _, err := module.ParseFormat(text, nil)
				if err == nil && f == nil {
					err = fmt.Errorf("hash_pvar %q has no variable", text)
				}
				s.hash = f
				return err
			}},
		module.SecondsParam("ds_ping_interval", &s.interval, 0, 3600, "seconds between pings, 0 (default) for none"),
		module.SecondsParam("ds_ping_timeout", &s.timeout, 1, 32, "seconds that a ping waits for its answer, 8 if not set"),
		{Name: "ds_ping_method", Kind: module.String, Doc: "only OPTIONS",
			Set: func(text string, _ int) error {
				if text != "OPTIONS" {
					return fmt.Errorf("ds_ping_method %q is not OPTIONS", text)
				}
				return nil
			}},
		{Name: "ds_ping_from", Kind: module.String, Doc: "the sender of the pings, the router itself if not set",
			Set: func(text string, _ int) error {
				var u sip.URI
				if sip.ParseURI([]byte(text), &u) != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS || strings.ContainsAny(text, "<>\"\r\n ") {
					return fmt.Errorf("ds_ping_from %q is no sip URI", text)
				}
				s.from = text
				return nil
			}},
		{Name: "ds_ping_reply_codes", Kind: module.String, Set: s.setCodes,
			Doc: "answers that are as good as 2xx, such as class=4;code=501"},
		threshold("ds_probing_threshold", &s.toInactive, "pings without a good answer until a gateway is left out, 3 if not set"),
		threshold("ds_inactive_threshold", &s.toActive, "good answers until it is back, 1 if not set"),
		module.SwitchParam("ds_probing_mode", &s.probeAll, "0 (default) pings gateways marked for it, 1 all"),
		module.SwitchParam("ds_ping_latency_stats", &s.latency, "1 measures how long the pings take, for algorithm 13 and dispatcher.list; 0 is the default"),
		{Name: "ds_latency_estimator_alpha", Kind: module.Int, Doc: "how many thousandths of the estimated latency each ping leaves, 0 to 1000; 900 if not set",
			Set: func(_ string, n int) error {
				if n < 0 || n > 1000 {
					return fmt.Errorf("ds_latency_estimator_alpha %d is not from 0 to 1000", n)
				}
				s.alpha = n
				return nil
			}},
		ignored("ds_hash_size", 25), ignored("ds_hash_expire", 1<<31-1), ignored("ds_hash_initexpire", 1<<31-1), ignored("ds_hash_check_interval", 1<<31-1),
		m.IntervalParam(),
	}
}

// ignored is a parameter of Kamailio's own table of calls.
func ignored(name string, most int) module.Param {
	return module.Param{Name: name, Kind: module.Int, Doc: "taken for Kamailio's sake: calls are counted in the table of module dialog",
		Idle: "calls are counted in the table of module dialog",
		Set: func(_ string, n int) error {
			if n < 0 || n > most {
				return fmt.Errorf("%s %d is not from 0 to %d", name, n, most)
			}
			return nil
		}}
}

func threshold(name string, to *int32, doc string) module.Param {
	return module.Param{Name: name, Kind: module.Int, Doc: doc, Set: func(_ string, n int) error {
		if n < 1 || n > 100 {
			return fmt.Errorf("%s %d is not from 1 to 100", name, n)
		}
		*to = int32(n)
		return nil
	}}
}

// setCodes reads ds_ping_reply_codes: class=N and code=NNN, separated by semicolons.
func (s *settings) setCodes(text string, _ int) error {
	codes := defaults().codes
	for item := range strings.SplitSeq(text, ";") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, value, _ := strings.Cut(item, "=")
		n, err := strconv.Atoi(value)
		switch {
		case err == nil && name == "class" && n >= 2 && n <= 6:
			for i := n * 100; i < n*100+100; i++ {
				codes[i] = true
			}
		case err == nil && name == "code" && n >= 200 && n <= 699:
			codes[n] = true
		default:
			return fmt.Errorf("%q is neither class=2 to 6 nor code=200 to 699", item)
		}
	}
	s.codes = codes
	return nil
}
