package msilo

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// settings are the parameters.
type settings struct {
	from           words // from_address and registrar
	extraHdrs      words
	offlineMessage words
	contentType    string // of offlineMessage
	reminder       string // in whose name messages are sent at their time
	sndTimeAVP     string // name of the AVP
	sendTime       time.Duration
	// skipNotification is the flag of messages whose sender is not told, -1 for none.
	skipNotification int

	expireTime, checkTime time.Duration
	cleanPeriod           int
	addDate               bool
	maxMessages           int
	maxForeign            int
	storeForeign          bool
	foreignQuota          int
	foreignPeriod         time.Duration
	maxDeliveries         int
	maxAttempts           int
	storeReceipts         bool
}

func defaults() settings {
	return settings{
		skipNotification: -1, contentType: "text/plain", expireTime: 72 * time.Hour, checkTime: time.Minute, cleanPeriod: 10, addDate: true,
		maxMessages: 500, maxForeign: 100, storeForeign: true, foreignQuota: 60, foreignPeriod: time.Hour, maxDeliveries: 64, maxAttempts: 3,
	}
}

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	s := &m.set
	return []module.Param{
		module.DBURLParam(&m.DatabaseURL),
		{Name: "db_table", Kind: module.String, Doc: "taken if silo", Set: func(v string, _ int) error {
			if v != "silo" {
				return errors.New(`db_table can only be "silo"`)
			}
			return nil
		}},
		{Name: "registrar", Kind: module.String, Set: address("registrar", &s.from), Doc: "From of what is sent to senders; SER's name of from_address"},
		{Name: "from_address", Kind: module.String, Set: address("from_address", &s.from), Doc: "From of what is sent to senders"},
		{Name: "offline_message", Kind: module.String, Set: s.setOfflineMessage, Doc: "text for a sender whose message was stored; none if not set"},
		{Name: "content_type_hdr", Kind: module.String, Set: s.setContentType, Doc: "Content-Type of offline_message, text/plain if not set"},
		{Name: "extra_hdrs", Kind: module.String, Set: s.setExtraHdrs, Doc: "header lines for everything that is sent"},
		{Name: "contact_hdr", Kind: module.String, Set: lines("contact_hdr"), Idle: "a MESSAGE has no Contact (RFC 3428 section 4)", Doc: "taken and not sent: a MESSAGE has no Contact (RFC 3428)"},
		{Name: "outbound_proxy", Kind: module.String, Set: setOutboundProxy, Idle: "what is sent goes through this router's own script", Doc: "taken and not used: all goes through this router's script"},
		{Name: "reminder", Kind: module.String, Set: uri("reminder", &s.reminder), Doc: "From of messages that are sent at a set time; none are if not set"},
		{Name: "send_time", Kind: module.Int, Set: s.setSendTime, Doc: "seconds between two looks for messages whose time has come, 0 for no reminders (default 0)"},
		module.AVPParam("snd_time_avp", &s.sndTimeAVP, "AVP with the time at which a message is sent, YYYYMMDDHHMMSS"),
		{Name: "skip_notification_flag", Kind: module.Int, Set: s.setSkipFlag, Doc: "flag of messages whose sender is not told, 0 to 31; -1 for none (default)"},
		module.SwitchParam("store_receipts", &s.storeReceipts, "store delivery receipts (message/imdn+xml) as messages (1) or not (0, default)"),
		module.SecondsParam("expire_time", &s.expireTime, 60, 31536000, "seconds that a message is kept at most (default 259200)"),
		module.SecondsParam("check_time", &s.checkTime, 1, 3600, "seconds of one period of the clean-up (default 60)"),
		module.NumberParam("clean_period", &s.cleanPeriod, 1, 1000, "periods between removals of expired messages (default 10)"),
		module.NumberParam("max_messages", &s.maxMessages, 0, store.MaxStored, "messages that one user may have; 0 for as many as the table allows (default 500)"),
		module.NumberParam("max_foreign", &s.maxForeign, 1, store.MaxStored, "of these, messages of senders who are not authenticated (default 100)"),
		module.SwitchParam("add_date", &s.addDate, "put the time when it came before a text (1, default) or not"),
		only("use_contact", "the sender is reached at the address in From"),
		zero("add_contact", "a MESSAGE has no Contact (RFC 3428 section 4)"),
		module.SwitchParam("store_foreign", &s.storeForeign, "store messages of senders who are not authenticated (1, default) or not"),
		module.NumberParam("foreign_quota", &s.foreignQuota, 1, 1000000, "messages of such senders that are stored from one address in foreign_period (default 60)"),
		module.SecondsParam("foreign_period", &s.foreignPeriod, 1, 86400, "seconds over which foreign_quota counts (default 3600)"),
		module.NumberParam("max_deliveries", &s.maxDeliveries, 1, 1000, "users to whom is delivered at once (default 64)"),
		module.NumberParam("max_attempts", &s.maxAttempts, 2, 1000, "failed deliveries after which a message waits behind all others (default 3)"),
	}
}

func (s *settings) setOfflineMessage(v string, _ int) error {
	if len(v) > 1000 {
		return errors.New("offline_message is longer than 1000 bytes")
	}
	w, err := parseWords(v)
	if err != nil {
		return fmt.Errorf("offline_message: %w", err)
	}
	s.offlineMessage = w
	return nil
}

func setOutboundProxy(v string, _ int) error {
	var ignored string
	return uri("outbound_proxy", &ignored)(v, 0)
}

func (s *settings) setSendTime(_ string, n int) error {
	if n == 0 {
		s.sendTime = 0
		return nil
	}
	return module.SecondsParam("send_time", &s.sendTime, 1, 3600, "").Set("", n)
}

func (s *settings) setSkipFlag(_ string, n int) error {
	if n < -1 || n > 31 {
		return fmt.Errorf("skip_notification_flag %d is no flag from 0 to 31, or -1", n)
	}
	s.skipNotification = n
	return nil
}

// setContentType takes the whole header line, as SER does, or its value.
func (s *settings) setContentType(v string, _ int) error {
	v = strings.TrimRight(v, "\r\n")
	if name, value, ok := strings.Cut(v, ":"); ok && strings.EqualFold(strings.TrimSpace(name), "Content-Type") {
		v = strings.TrimSpace(value)
	}
	if !goodType(v) {
		return fmt.Errorf("%q is no media type", v)
	}
	s.contentType = v
	return nil
}

func (s *settings) setExtraHdrs(v string, _ int) error {
	w, err := parseWords(v)
	if err != nil {
		return fmt.Errorf("extra_hdrs: %w", err)
	}
	if err := lines("extra_hdrs")(w.sample("x"), 0); err != nil {
		return err
	}
	s.extraHdrs = w
	return nil
}

// lines checks header lines that end in CRLF each and are none of those that we make.
func lines(name string) func(string, int) error {
	return func(v string, _ int) error {
		if len(v) > 1024 {
			return fmt.Errorf("%s is longer than 1024 bytes", name)
		}
		for rest := v; rest != ""; {
			line, next, ended := strings.Cut(rest, "\r\n")
			field, _, ok := strings.Cut(line, ":")
			if !ended || !ok || field == "" || strings.ContainsAny(field, " \t") || strings.ContainsAny(line, "\r\n\x00") {
				return fmt.Errorf(`%s wants header lines, each ending in \r\n`, name)
			}
			if id := sip.ParseHeaderID([]byte(field)); id != sip.HdrOther && id != sip.HdrContact && id != sip.HdrSubject && id != sip.HdrSupported {
				return fmt.Errorf("%s may not hold %s: that is the router's", name, field)
			}
			rest = next
		}
		return nil
	}
}

// address checks an address that may hold pseudo-variables.
func address(name string, to *words) func(string, int) error {
	return func(v string, _ int) error {
		w, err := parseWords(v)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		// What a variable at the begin brings may be the whole address.
		if w.format != nil && strings.HasPrefix(v, "$") {
			*to = w
			return nil
		}
		var whole string
		if err := uri(name, &whole)(w.sample("x"), 0); err != nil {
			return err
		}
		if w.format == nil {
			w.text = whole
		} else if !strings.HasPrefix(v, "sip:") && !strings.HasPrefix(v, "sips:") {
			return fmt.Errorf("%s: %q is no SIP address", name, v)
		}
		*to = w
		return nil
	}
}

// uri checks an address; "registrar@example.org" counts as a sip URI.
func uri(name string, to *string) func(string, int) error {
	return func(v string, _ int) error {
		if !strings.HasPrefix(v, "sip:") && !strings.HasPrefix(v, "sips:") {
			v = "sip:" + v
		}
		var u sip.URI
		if sip.ParseURI([]byte(v), &u) != nil || len(u.Host) == 0 {
			return fmt.Errorf("%s: %q is no SIP address", name, v)
		}
		*to = v
		return nil
	}
}

// only is a parameter of old scripts that makes no difference.
func only(name, why string) module.Param {
	return module.SwitchParam(name, new(bool), "taken and not used: "+why)
}

// zero is a parameter that can only be off.
func zero(name, why string) module.Param {
	return module.Param{Name: name, Kind: module.Int, Doc: "taken if 0: " + why, Set: func(_ string, n int) error {
		if n != 0 {
			return fmt.Errorf("%s can only be 0: %s", name, why)
		}
		return nil
	}}
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{
		{Name: "m_store", Max: 1, Routes: module.RequestRoute | module.FailureRoute, MayWait: true, Dynamic: true, Compile: m.compileStore,
			Doc: "stores the MESSAGE for its recipient; true once it is committed"},
		{Name: "m_dump", Max: 1, Routes: module.RequestRoute, Dynamic: true, Compile: m.compileDump,
			Doc: "delivers what is stored for who registers, once the 200 is out"},
		{Name: "m_dumping", Routes: module.RequestRoute, Compile: m.compileDumping,
			Doc: "true while what is stored is being delivered to whom lookup found"},
	}
}
