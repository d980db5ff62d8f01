package script

import (
	"fmt"
	"strings"

	"seraph/proxy/internal/relay"
)

// keepsAlive is said of settings of TCP's keep-alive.
const keepsAlive = "the router itself finds connections that are dead, in minutes"

// addTuning puts Kamailio's settings of memory, processes and connections among the others, and
// what it has added in later releases: the router has nothing of that kind to set.
func addTuning(t map[string]setting) {
	for kind, names := range map[settingKind]string{
		aNumber: `async_workers async_usleep pv_buffer_size pv_buffer_slots pv_cache_limit pv_cache_action sql_buffer_size route_locks_size
			socket_workers sip_parser_log real_time fork_delay modinit_delay mem_join mem_safety mem_summary mem_status_mode
			tcp_conn_wq_max tcp_wq_max tcp_wq_blk_size tcp_rd_buf_size tcp_linger2 tcp_syncnt wait_worker1_mode wait_worker1_time wait_worker1_usleep`,
		aSwitch: `async_nonblock mlock_pages phone2tel shm_force_alloc verbose_startup
			tcp_crlf_ping tcp_reuse_port tcp_async tcp_fd_cache tcp_defer_accept tcp_delayed_ack tcp_clone_rcvbuf`,
	} {
		for name := range strings.FieldsSeq(names) {
			t[name] = setting{kind: kind}
		}
	}
	t["tcp_keepalive"] = setting{kind: aSwitch, note: keepsAlive}
	for _, name := range []string{"tcp_keepidle", "tcp_keepintvl", "tcp_keepcnt"} {
		t[name] = setting{kind: aNumber, note: keepsAlive}
	}
	t["max_branches"] = setting{kind: aNumber, note: fmt.Sprintf("a request has %d branches at most", relay.MaxBranches)}
}
