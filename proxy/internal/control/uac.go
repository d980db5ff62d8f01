package control

import (
	"context"
	"fmt"
	"strings"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// maxUacHeaders is the length in bytes of the headers that a caller may give.
const maxUacHeaders = 4096

// uacWait sends a request outside any dialog and waits for its final response.
// Kamailio's tool gives headers of its own, which name the sender; the sender
// here is the router, so they are read and not used.
func (s *Server) uacWait(ctx context.Context, p *params) (any, error) {
	method := p.required("method", 32)
	ruri := p.required("ruri", maxText)
	for _, name := range []string{"nexthop", "socket", "body"} {
		if text := p.text(name, maxText); text != "" && text != "." {
			p.wrong(name, fmt.Sprintf("want %q: requests go where the routing script sends them, without a body", "."))
		}
	}
	p.text("headers", maxUacHeaders)
	if err := p.err(); err != nil {
		return nil, err
	}
	if method != "OPTIONS" {
		return nil, ctlproto.InvalidParam("method", "want OPTIONS; other requests are not sent by this method")
	}
	uri, err := aor.CanonicalURI(ruri, "")
	if err != nil {
		return nil, ctlproto.InvalidParam("ruri", err.Error())
	}
	if strings.HasPrefix(uri, "tel:") {
		return nil, ctlproto.InvalidParam("ruri", "want a sip address")
	}
	code, text, err := s.cfg.Uac.Options(ctx, uri)
	return ctlproto.TmUacReply{Code: code, Text: text}, err
}
