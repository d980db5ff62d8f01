package script

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/transport"
)

// TestGlobals: what the settings of a script come to.
func TestGlobals(t *testing.T) {
	warn, debug := slog.LevelWarn, slog.LevelDebug
	for _, x := range []struct {
		name, text string
		want       Globals
	}{
		{"none", "", Globals{}},
		{"SER's", `
			debug=4         # debug level
			fork=yes
			log_stderror=no	# (cmd line: -E)
			check_via=no
			dns=no
			rev_dns=no
			port=5080
			children=4
			fifo="/tmp/ser_fifo"
			listen=192.0.2.1
			listen=tcp:192.0.2.1:5090
			listen=udp:[2001:db8::1]
			listen=2001:db8::2
			alias=example.org "www.example.org" udp:example.net:5060
			alias=[2001:db8::1]:5060
			mpath="/usr/lib/ser/modules"
			user=ser  uid=33 group="ser"`,
			Globals{
				Listen:   []string{"192.0.2.1:5080", "tcp:192.0.2.1:5090", "udp:[2001:db8::1]:5080", "[2001:db8::2]:5080"},
				Port:     5080,
				Alias:    []string{"example.org", "www.example.org", "example.net:5060", "[2001:db8::1]:5060"},
				FIFO:     "/tmp/ser_fifo",
				LogLevel: &debug,
			}},
		{"advertised", `listen=udp:10.0.0.1:5060 advertise sip.example.org:5070
			listen=tcp:10.0.0.1 advertise 192.0.2.9
			port=5061 advertised_address="sip.example.org" advertised_port=5070;`,
			Globals{
				Listen:            []string{"udp:10.0.0.1:5060 advertise sip.example.org:5070", "tcp:10.0.0.1:5061 advertise 192.0.2.9"},
				Port:              5061,
				AdvertisedAddress: "sip.example.org", AdvertisedPort: 5070,
			}},
		{"ours", `unix_sock = "/run/seraph/ctl.sock"; udp_workers = 2; disable_tcp = yes; debug = "1"`,
			Globals{UnixSock: "/run/seraph/ctl.sock", UDPWorkers: 2, DisableTCP: true, LogLevel: &warn}},
		{"memory", `shm_mem_size=64`, Globals{Memory: 64 << 20}},
		{"FIFO", `fifo="/run/seraph/fifo" fifo_mode=0620 fifo_group="kamailio" fifo_dir="/var/tmp/"`,
			Globals{FIFO: "/run/seraph/fifo", FIFOMode: 0o620, FIFOGroup: "kamailio", FIFODir: "/var/tmp/"}},
		{"TLS and WebSockets", `port=5070 listen=tls:192.0.2.1 listen=wss:192.0.2.1:443 listen=ws:192.0.2.1 enable_tls=yes
			tls_certificate="/etc/a.crt" tls_private_key="/etc/a.key" tls_method="TLSv1.2+"`,
			Globals{Listen: []string{"tls:192.0.2.1", "wss:192.0.2.1:443", "ws:192.0.2.1"}, Port: 5070, EnableTLS: true,
				TLS: map[string]string{"certificate": "/etc/a.crt", "private_key": "/etc/a.key", "tls_method": "TLSv1.2+"}}},
		{"TLS off", `disable_tls=yes`, Globals{}},
		{"connections", `tcp_max_connections=100 tcp_connect_timeout=3 tcp_send_timeout=4 tcp_connection_lifetime=120 tcp_accept_aliases=yes`,
			Globals{Streams: Streams{MaxConns: 100, ConnectTimeout: 3 * time.Second, SendTimeout: 4 * time.Second, Lifetime: 2 * time.Minute, AcceptAliases: true}}},
		{"strangers", `tcp_accept_iplimit=2000 tcp_user_connections=300 tcp_stranger_lifetime=30`,
			Globals{Streams: Streams{MaxPerSource: 2000, MaxPerUser: 300, StrangerLifetime: 30 * time.Second}}},
		{"open files", `open_files_limit=65536`, Globals{OpenFiles: 65536}},
		{"no limit on a source", `tcp_accept_iplimit=0`, Globals{Streams: Streams{MaxPerSource: maxConns}}},
		{"several in one line", `listen=udp:127.0.0.1:5060 tcp:127.0.0.1:5060 port=5062 listen=eth0`,
			Globals{Listen: []string{"udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "eth0:5062"}, Port: 5062}},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := compile(t, x.text+"\nroute { ; }", nil)
			if diff := cmp.Diff(x.want, *p.prog.Globals()); diff != "" {
				t.Errorf("globals differ (-want +got):\n%s", diff)
			}
			for _, s := range p.prog.Globals().Listen {
				if _, err := transport.ParseListen(s); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestSettingsWithoutEffect: the log tells of those on which somebody may count.
func TestSettingsWithoutEffect(t *testing.T) {
	var log bytes.Buffer
	compile(t, `fifo="/tmp/f" user="ser" children=4 route { ; } failure_route[3] { ; } route[7] { ; }`,
		slog.New(slog.NewTextHandler(&log, nil)))
	for _, want := range []string{"user has no effect: start the proxy as", "nothing leads to failure_route[3]", "nothing leads to route[7]"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "children") {
		t.Errorf("the log warns of children, which nobody misses:\n%s", log.String())
	}
}

// TestModules: they come in the script's order, each once, with their parameters set.
func TestModules(t *testing.T) {
	s := newStage()
	prog, problems := Compile("modules.cfg", []byte(`
		loadmodule "/usr/local/lib/ser/modules/registrar.so"
		loadmodule "usrloc"
		loadmodule "/usr/local/lib/ser/modules/mysql.so"
		loadmodule "usrloc.so"
		loadmodule "auth_db.so";
		modparam("usrloc|auth_db", "db_url", "sql://ser:passwd@dbhost/ser")
		modparam("registrar", "default_expires", "60");
		modparam("usrloc", "db_mode", 0x1)
		route { ; }`), Options{Modules: s.modules()})
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	var names []string
	for _, m := range prog.Modules() {
		names = append(names, m.Name())
	}
	if diff := cmp.Diff([]string{"registrar", "usrloc", "auth_db"}, names); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{"db_url": "sql://ser:passwd@dbhost/ser", "default_expires": "60", "db_mode": "1"}
	if diff := cmp.Diff(want, s.params); diff != "" {
		t.Errorf("parameters differ (-want +got):\n%s", diff)
	}
}
