package nathelper_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/nathelper"
)

func TestParams(t *testing.T) {
	for _, x := range []struct{ name, value, want string }{
		{"natping_interval", "0", ""}, {"natping_interval", "30", ""}, {"natping_interval", "-1", "from 0 to 3600"}, {"natping_interval", "3601", "from 0 to 3600"},
		{"ping_nated_only", "0", ""}, {"ping_nated_only", "1", ""}, {"ping_nated_only", "2", "must be 0 or 1"},
		{"sipping_from", "sip:pinger@example.org", ""}, {"sipping_from", "pinger@example.org", "no SIP address"}, {"sipping_from", "sip:a@b>\r\nX: y", "no SIP address"}, {"sipping_from", "", "no SIP address"},
		{"sipping_method", "INFO", ""}, {"sipping_method", "INVITE", "none of OPTIONS"}, {"sipping_method", "options", "none of OPTIONS"}, {"sipping_method", "A B", "none of OPTIONS"},
		{"keepalive_timeout", "0", ""}, {"keepalive_timeout", "120", ""}, {"keepalive_timeout", "-1", "from 0 to 86400"},
		{"nat_addr_mode", "0", ""}, {"nat_addr_mode", "2", "must be 0 or 1"},
		{"natping_processes", "3", ""}, {"natping_processes", "0", "above 0"},
		{"received_avp", "$avp(i:42)", ""}, {"received_avp", "i:42", ""}, {"received_avp", "$ru", "names no AVP"},
		{"sipping_bflag", "7", ""}, {"sipping_bflag", "-1", ""}, {"sipping_bflag", "32", "no flag"},
		{"natping_disable_bflag", "-1", ""}, {"natping_disable_bflag", "8", "can only be -1"},
		{"udpping_from_path", "0", ""}, {"udpping_from_path", "1", "can only be 0"}, {"filter_server_id", "0", ""}, {"filter_server_id", "1", "can only be 0"},
		{"natping_socket", "192.0.2.1:5060", "not supported"}, {"force_socket", "127.0.0.1:5060", "not supported"},
	} {
		err := moduletest.Set(t, nathelper.New(nathelper.Config{}), x.name, x.value)
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s = %q: %v, want %q", x.name, x.value, err, x.want)
		}
	}
}

// TestParamsTogether: values that do not go together are refused at the start.
func TestParamsTogether(t *testing.T) {
	type set = [][2]string
	for name, x := range map[string]struct {
		params set
		want   string
	}{
		"nothing":     {nil, ""},
		"all":         {set{{"natping_interval", "30"}, {"sipping_from", "sip:a@b"}, {"keepalive_timeout", "60"}}, ""},
		"no pings":    {set{{"keepalive_timeout", "60"}}, "needs natping_interval"},
		"no requests": {set{{"natping_interval", "30"}, {"keepalive_timeout", "60"}}, "needs sipping_from"},
		"too short":   {set{{"natping_interval", "30"}, {"sipping_from", "sip:a@b"}, {"keepalive_timeout", "59"}}, "twice natping_interval"},
	} {
		m := nathelper.New(nathelper.Config{})
		for _, p := range x.params {
			if err := moduletest.Set(t, m, p[0], p[1]); err != nil {
				t.Fatal(err)
			}
		}
		err := m.Check()
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
	}
}
