package msilo_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/msilo"
)

func TestParams(t *testing.T) {
	for _, x := range []struct{ name, value, want string }{
		{"db_url", "", "empty"}, {"db_url", "sql://u:p@h/d", ""},
		{"db_table", "silo", ""}, {"db_table", "messages", `can only be "silo"`},
		{"registrar", "sip:registrar@example.org", ""}, {"registrar", "registrar@example.org", ""}, {"registrar", "sip:a b", "no SIP address"},
		{"from_address", "", "no SIP address"},
		{"from_address", "sip:$rU@example.org", ""}, {"from_address", "$tu", ""}, {"from_address", "sip:$nothing@example.org", "no variable $nothing"}, {"from_address", "mail:$rU@x", "no SIP address"},
		{"offline_message", "*** User $rU is offline!", ""}, {"offline_message", "$var(x)", "no place outside a script"},
		{"extra_hdrs", "X-Extra: $tu\r\nY-Extra: foo\r\n", ""}, {"extra_hdrs", "X-Extra: $nothing\r\n", "no variable"}, {"extra_hdrs", "$hdr(X)\r\n", "header lines"},
		{"reminder", "sip:reminder@example.org", ""}, {"reminder", "sip:a b", "no SIP address"}, {"send_time", "0", ""}, {"send_time", "60", ""}, {"send_time", "-1", "from 1"}, {"send_time", "3601", "from 1"},
		{"snd_time_avp", "$avp(snd_time)", ""}, {"snd_time_avp", "$avp(s:snd_time)", ""}, {"snd_time_avp", "$avp(i:123)", ""}, {"snd_time_avp", "i:123", ""},
		{"snd_time_avp", "$ru", "names no AVP"}, {"snd_time_avp", "$", "names no AVP"}, {"snd_time_avp", "", "names no AVP"}, {"snd_time_avp", "$avp(x)y", "names no AVP"},
		{"skip_notification_flag", "18", ""}, {"skip_notification_flag", "-1", ""}, {"skip_notification_flag", "32", "no flag"}, {"store_receipts", "1", ""}, {"store_receipts", "2", "must be 0 or 1"},
		{"contact_hdr", "Contact", "header lines"}, {"outbound_proxy", "sip:a b", "no SIP address"},
		{"offline_message", "Not here.", ""}, {"offline_message", strings.Repeat("x", 1001), "longer than 1000"},
		{"content_type_hdr", "Content-Type: text/plain\r\n", ""}, {"content_type_hdr", "text/html", ""}, {"content_type_hdr", "text", "no media type"},
		{"extra_hdrs", "Organization: x\r\nX-A: b\r\n", ""}, {"extra_hdrs", "Organization: x", `ending in \r\n`},
		{"extra_hdrs", "From: x\r\n", "may not hold From"}, {"extra_hdrs", "no colon\r\n", "header lines"}, {"extra_hdrs", "A: b\nVia: x\r\n", "header lines"},
		{"contact_hdr", "Contact: registrar@example.org:5060;msilo=yes\r\n", ""}, {"outbound_proxy", "sip:proxy.example.org", ""},
		{"expire_time", "59", "from 60"}, {"expire_time", "36000", ""}, {"check_time", "0", "from 1"}, {"check_time", "10", ""},
		{"clean_period", "0", "from 1"}, {"clean_period", "3", ""},
		{"max_messages", "0", ""}, {"max_messages", "5001", "from 0 to 5000"},
		{"max_foreign", "0", "from 1"}, {"max_foreign", "5001", "from 1"}, {"max_foreign", "20", ""},
		{"add_date", "0", ""}, {"add_date", "2", "must be 0 or 1"}, {"use_contact", "1", ""}, {"use_contact", "7", "must be 0 or 1"},
		{"add_contact", "0", ""}, {"add_contact", "1", "RFC 3428"}, {"store_foreign", "0", ""}, {"store_foreign", "3", "must be 0 or 1"},
		{"foreign_quota", "0", "from 1"}, {"foreign_quota", "5", ""}, {"foreign_period", "0", "from 1"}, {"foreign_period", "60", ""},
		{"max_deliveries", "0", "from 1"}, {"max_deliveries", "2", ""}, {"max_attempts", "1", "from 2"}, {"max_attempts", "2", ""},
	} {
		err := moduletest.Set(t, msilo.New(msilo.Config{}), x.name, x.value)
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s = %q: %v, want %q", x.name, x.value, err, x.want)
		}
	}
}

func TestFunctionArguments(t *testing.T) {
	m := msilo.New(msilo.Config{})
	for _, good := range []string{"0", "1", "2", "$ru", "$ou", "$tu"} {
		moduletest.Compile(t, m, "m_store", good)
	}
	moduletest.Compile(t, m, "m_store")
	moduletest.Compile(t, m, "m_dump")
	moduletest.Compile(t, m, "m_dump", "0")
	moduletest.Compile(t, m, "m_dumping")
	for _, good := range []string{"$fu", "sip:$rU@example.org", "sip:bob@example.org"} {
		moduletest.Compile(t, m, "m_store", good)
		moduletest.Compile(t, m, "m_dump", good)
	}
	for _, bad := range []string{"3", "bob", "sip:example.org", "tel:+49123", "$nothing", "sip:b b@example.org"} {
		if why := moduletest.Refused(t, m, "m_store", bad); !strings.Contains(why, `m_store is for`) {
			t.Error(why)
		}
		if why := moduletest.Refused(t, m, "m_dump", bad); !strings.Contains(why, "m_dump is for") {
			t.Error(why)
		}
	}
}
