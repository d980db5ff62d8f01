package dns

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	wire "github.com/miekg/dns"
)

const (
	// lookAgain is how often a file is looked at for a change.
	lookAgain = 5 * time.Second
	// maxServers and maxSearch bound what is taken of resolv.conf.
	maxServers = 8
	maxSearch  = 6
	// maxHosts bounds the host table, in bytes.
	maxHosts = 1 << 20
	// hostsTTL is how long an entry of the host table is kept.
	hostsTTL = 10 * time.Second
)

// servers is what the settings or resolv.conf say.
type servers struct{ servers, search []string }

// conf holds resolv.conf and reads it again when it changes.
type conf struct {
	mu   sync.Mutex
	file file
	now  servers
}

// file tells when a file has changed.
type file struct {
	looked, changed time.Time
	size            int64
}

// news gives the state of the file at path if that is another than the one that was read last;
// it looks at most once each lookAgain. What could not be read stays news: the reader calls read
// when he has it.
func (f *file) news(path string) (info os.FileInfo, ok bool) {
	if time.Since(f.looked) < lookAgain {
		return nil, false
	}
	f.looked = time.Now()
	info, err := os.Stat(path)
	if err != nil || info.ModTime().Equal(f.changed) && info.Size() == f.size {
		return nil, false
	}
	return info, true
}

// read notes which state of the file is known.
func (f *file) read(info os.FileInfo) { f.changed, f.size = info.ModTime(), info.Size() }

// read returns the servers in force.
func (c *conf) read(cfg *Config) servers {
	c.mu.Lock()
	defer c.mu.Unlock()
	if info, ok := c.file.news(cfg.ResolvConf); ok {
		if f, err := readConf(cfg.ResolvConf); err == nil {
			c.file.read(info)
			c.now = servers{search: f.Search[:min(len(f.Search), maxSearch)]}
			for _, s := range f.Servers[:min(len(f.Servers), maxServers)] {
				c.now.servers = append(c.now.servers, net.JoinHostPort(s, f.Port))
			}
		}
	}
	now := c.now
	if len(cfg.Servers) > 0 {
		now.servers = cfg.Servers
	}
	return now
}

// readConf reads resolv.conf. The library passes over errors of reading.
func readConf(path string) (*wire.ClientConfig, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return wire.ClientConfigFromReader(bytes.NewReader(text))
}

// hosts is the host table.
type hosts struct {
	mu    sync.Mutex
	file  file
	names map[string][]netip.Addr
}

// lookup is the addresses that the table at path has for a question.
func (h *hosts) lookup(path string, q question) []netip.Addr {
	if q.typ != A && q.typ != AAAA {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if info, ok := h.file.news(path); ok && info.Size() <= maxHosts {
		if text, err := os.ReadFile(path); err == nil {
			h.file.read(info)
			h.names = parseHosts(string(text))
		}
	}
	var out []netip.Addr
	for _, a := range h.names[q.name] {
		if a.Is4() == (q.typ == A) {
			out = append(out, a)
		}
	}
	return out[:min(len(out), MaxRecords)]
}

// parseHosts reads a host table (hosts(5)); lines that make no sense are passed over.
func parseHosts(text string) map[string][]netip.Addr {
	names := map[string][]netip.Addr{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(words[0])
		if err != nil {
			continue
		}
		for _, name := range words[1:] {
			if name = Canonical(name); ValidName(name) && !slices.Contains(names[name], addr.Unmap()) {
				names[name] = append(names[name], addr.Unmap())
			}
		}
	}
	return names
}
