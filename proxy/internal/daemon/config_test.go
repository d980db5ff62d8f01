package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seraph/proxy/internal/script"
)

func TestListen(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		g    script.Globals
		want string // addresses, or the error
	}{
		{"default", Config{}, script.Globals{}, "udp:0.0.0.0:5060 tcp:0.0.0.0:5060"},
		{"script's port", Config{}, script.Globals{Port: 5070}, "udp:0.0.0.0:5070 tcp:0.0.0.0:5070"},
		{"script's address", Config{}, script.Globals{Listen: []string{"udp:192.0.2.1:5060"}}, "udp:192.0.2.1:5060"},
		{"command line over script", Config{Listen: []string{"tcp:127.0.0.1:5062"}}, script.Globals{Listen: []string{"udp:192.0.2.1"}}, "tcp:127.0.0.1:5062"},
		{"no TCP", Config{}, script.Globals{DisableTCP: true}, "udp:0.0.0.0:5060"},
		{"TCP by name stays", Config{Listen: []string{"tcp:127.0.0.1:5062"}}, script.Globals{DisableTCP: true}, "tcp:127.0.0.1:5062"},
		{"advertised", Config{Listen: []string{"udp:10.0.0.1:5060"}, Advertise: "sip.example.org"}, script.Globals{}, "udp:10.0.0.1:5060 advertise sip.example.org"},
		{"advertised by the script", Config{}, script.Globals{Listen: []string{"udp:10.0.0.1:5060"}, AdvertisedAddress: "sip.example.org", AdvertisedPort: 5080}, "udp:10.0.0.1:5060 advertise sip.example.org:5080"},
		{"own word wins", Config{Listen: []string{"udp:10.0.0.1:5060 advertise a.example"}, Advertise: "b.example"}, script.Globals{}, "udp:10.0.0.1:5060 advertise a.example"},
		{"nonsense", Config{Listen: []string{"udp:300.1"}}, script.Globals{}, `listen "udp:300.1": "300.1" is neither an address nor a host name`},
		{"TLS by SER's word", Config{}, script.Globals{EnableTLS: true}, "udp:0.0.0.0:5060 tcp:0.0.0.0:5060 tls:0.0.0.0:5061"},
		{"TLS and WebSockets", Config{Listen: []string{"tls:127.0.0.1", "wss:[::1]:443"}}, script.Globals{EnableTLS: true}, "tls:127.0.0.1 wss:[::1]:443"},
		{"advertised for all", Config{Listen: []string{"udp:10.0.0.1", "tls:10.0.0.1"}, Advertise: "[2001:db8::1]:5080"}, script.Globals{}, "udp:10.0.0.1 advertise [2001:db8::1]:5080 tls:10.0.0.1 advertise [2001:db8::1]"},
		{"advertised without a port", Config{Listen: []string{"ws:10.0.0.1", "wss:10.0.0.1"}, Advertise: "sip.example.org"}, script.Globals{}, "ws:10.0.0.1 advertise sip.example.org wss:10.0.0.1 advertise sip.example.org"},
		{"no such protocol", Config{Listen: []string{"sctp:127.0.0.1"}}, script.Globals{}, `listen "sctp:127.0.0.1": "127.0.0.1" is not a port from 0 to 65535`},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := c.cfg.listen(&c.g)
			var words []string
			for _, l := range list {
				words = append(words, l.String())
			}
			got := strings.Join(words, " ")
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("listens on %s, want %s", got, c.want)
			}
		})
	}
}

func TestSecretLasts(t *testing.T) {
	dir := t.TempDir()
	first, err := loadSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v (%v), want 0600", info.Mode(), err)
	}
	again, err := loadSecret(dir)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("another secret after a restart (%v)", err)
	}
	if bytes.Equal(first.key("nonce"), first.key("record-route")) {
		t.Error("two purposes have one key")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".key-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSecretDamaged(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadSecret(dir); err == nil || !strings.Contains(err.Error(), "5 bytes, not 32: remove the file") {
		t.Errorf("a damaged secret: %v", err)
	}
	if _, err := loadSecret(filepath.Join(dir, "missing")); err == nil {
		t.Error("a secret was made in a folder that does not exist")
	}
}

func TestStateIsOneProxys(t *testing.T) {
	dir := t.TempDir()
	first, err := lockState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockState(dir); err == nil || !strings.Contains(err.Error(), "another seraph-proxy works with it") {
		t.Errorf("a second proxy got the state folder: %v", err)
	}
	first.Close()
	again, err := lockState(dir)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	again.Close()
}

func TestStateFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{file: "is not a folder", filepath.Join(dir, "a", "b"): "no such file or directory"} {
		if err := makeState(path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("state folder %s: %v, want %q", path, err, says)
		}
	}
	if err := makeState(filepath.Join(dir, "new")); err != nil {
		t.Error(err)
	}
}
