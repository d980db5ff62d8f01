package script

import (
	"fmt"
	"strings"
	"testing"
)

// TestTuningSettings: what Kamailio has to set of its memory, processes and connections does not
// keep the router from starting, and is told where its author may count on it.
func TestTuningSettings(t *testing.T) {
	for setting, want := range map[string]string{
		"tcp_keepalive=yes": "warning: tcp_keepalive has no effect: the router itself finds connections that are dead",
		"tcp_keepidle=30":   "warning: tcp_keepidle has no effect: the router itself",
		"tcp_keepintvl=10":  "warning: tcp_keepintvl has no effect: the router itself",
		"tcp_keepcnt=3":     "warning: tcp_keepcnt has no effect: the router itself",
		"max_branches=30":   "warning: max_branches has no effect: a request has 16 branches at most",
		"tcp_crlf_ping=no":  "note: tcp_crlf_ping has no effect here", "tcp_reuse_port=yes": "note: tcp_reuse_port has no effect here",
		"tcp_async=on": "note: tcp_async has no effect here", "tcp_defer_accept=5": "note: tcp_defer_accept has no effect here",
		"async_workers=4": "note: async_workers has no effect here", "pv_buffer_size=8192": "note: pv_buffer_size has no effect here",
		"mlock_pages=yes": "note: mlock_pages has no effect here", "phone2tel=0": "note: phone2tel has no effect here",
	} {
		got, log := remarksOf(t, setting+"\n"+loads+"route { m_dump(); }\n", Options{})
		if !strings.HasPrefix(got, "seraph.cfg:1:1: "+want) {
			t.Errorf("%s: remarks %s, want %s", setting, got, want)
		}
		if strings.Contains(log, "no effect") != strings.HasPrefix(want, "warning") {
			t.Errorf("%s: the log is %s", setting, log)
		}
	}
}

func TestTuningSettingsWrong(t *testing.T) {
	for setting, want := range map[string]string{
		"tcp_keepidle=soon": "tcp_keepidle is a number", "max_branches=many": "max_branches is a number",
		"mlock_pages=maybe": "mlock_pages is yes or no", "tcp_keepalives=yes": `there is no setting "tcp_keepalives" (did you mean tcp_keepalive?)`,
	} {
		_, problems := Compile("seraph.cfg", fmt.Appendf(nil, "%s\nroute { exit; }", setting), Options{})
		if got := texts(problems); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", setting, got, want)
		}
	}
}
