package user

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/portal"
)

// setNumbers notes who of the people calls by a telephone number. A trunk has several hosts, and each of
// them vouches for the same numbers: the host that a number comes from says nothing of the caller. In a
// domain, ours or somebody else's, it is the name of an account, which may be another one's elsewhere; and
// a stranger may write any host that is nobody's behind anybody's number.
func (p *Portal) setNumbers(r *http.Request, list []person) error {
	var n *network
	for i := range list {
		number, host := globalNumber(list[i].caller)
		if number == "" {
			continue
		}
		if n == nil { // mostly there is no such caller
			var err error
			if n, err = p.telephoneNetwork(r); err != nil {
				return err
			}
		}
		if n.has(host) {
			list[i].number = telScheme + number
		}
	}
	return nil
}

// globalNumber is the telephone number with a + and the host of a caller's SIP URI, empty for others.
func globalNumber(uri string) (number, host string) {
	number, host, _ = strings.Cut(string(aor.AppendCaller(nil, uri)), "@")
	if host == "" || !strings.HasPrefix(number, "+") {
		return "", ""
	}
	if _, err := store.CheckPattern(telScheme + number); err != nil {
		return "", "" // a name
	}
	return number, host
}

const telScheme = "tel:"

// network is the telephone network: the hosts that the operator knows, but for our own domains.
type network struct {
	domains, hosts []string
	nets           []netip.Prefix
}

// telephoneNetwork reads the tables dispatcher, address and trusted. Rows that say nothing are passed over.
func (p *Portal) telephoneNetwork(r *http.Request) (*network, error) {
	ctx, n := r.Context(), &network{}
	domains, err := p.domains(ctx)
	if err != nil {
		return nil, err
	}
	gateways, err := p.DB.Dispatcher.All(ctx)
	if err != nil {
		return nil, err
	}
	addresses, err := p.DB.Addresses.All(ctx)
	if err != nil {
		return nil, err
	}
	peers, err := p.DB.Trusted.All(ctx)
	if err != nil {
		return nil, err
	}
	n.domains = append(domains, owner(r).Domain)
	for _, g := range gateways {
		n.hosts = append(n.hosts, portal.Hosts(g.URI)[0])
	}
	for _, a := range addresses {
		n.add(a)
	}
	for _, peer := range peers {
		n.hosts = append(n.hosts, peer.IP)
	}
	return n, nil
}

// add adds a row of the table address, a network or a host.
func (n *network) add(a store.Address) {
	a, err := a.Canonical()
	if err != nil {
		return
	}
	if addr, isAddr := portal.HostAddr(a.IP); isAddr {
		n.nets = append(n.nets, netip.PrefixFrom(addr, a.Mask))
	} else {
		n.hosts = append(n.hosts, a.IP)
	}
}

// has reports whether a host is of it.
func (n *network) has(host string) bool {
	same := func(name string) bool { return portal.SameHost(host, name) }
	if slices.ContainsFunc(n.domains, same) {
		return false
	}
	addr, isAddr := portal.HostAddr(host)
	return slices.ContainsFunc(n.hosts, same) || isAddr && slices.ContainsFunc(n.nets, func(net netip.Prefix) bool { return net.Contains(addr) })
}
