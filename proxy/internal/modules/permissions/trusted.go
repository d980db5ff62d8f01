package permissions

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"seraph/proxy/internal/module"
)

// question is what allow_trusted asks of the table; what is not given is the request's own.
type question struct {
	source, proto, uri          text
	hasSource, hasProto, hasURI bool
}

// compileTrusted compiles allow_trusted([src_ip, proto [, uri]]).
func (m *Module) compileTrusted(args []module.Arg) (module.Call, error) {
	q := question{hasSource: len(args) > 0, hasProto: len(args) > 1, hasURI: len(args) > 2}
	for i, to := range []*text{&q.source, &q.proto, &q.uri} {
		if i >= len(args) {
			break
		}
		var err error
		if *to, err = textOf(args[i]); err != nil {
			return nil, err
		}
	}
	if q.hasProto && q.proto.format == nil {
		if known := []string{"any", "udp", "tcp", "tls", "ws", "wss", "sctp"}; !slices.Contains(known, strings.ToLower(q.proto.literal)) {
			return nil, fmt.Errorf("%q is none of %s", q.proto.literal, strings.Join(known, ", "))
		}
	}
	return func(c *module.Ctx) int { return m.askTrusted(c, &q) }, nil
}

// askTrusted is allow_trusted. The router's own user agent is trusted.
func (m *Module) askTrusted(c *module.Ctx, q *question) int {
	if c.Local != nil {
		return module.True
	}
	source, proto := c.From.Remote.Addr(), c.From.Proto.String()
	if q.hasSource {
		var err error
		if source, err = netip.ParseAddr(q.source.in(c)); err != nil {
			return module.False
		}
	}
	if q.hasProto {
		proto = strings.ToLower(q.proto.in(c))
	}
	var from []byte
	if a, err := c.Msg.From(); err == nil {
		from = a.URI
	}
	if q.hasURI {
		from = []byte(q.uri.in(c))
	}
	p := m.peers.Load().find(source, proto, from, c.Main.URI)
	if p == nil {
		return module.False
	}
	return m.allowed(c, true, p.tag)
}
