package control

import (
	"context"

	"seraph/ctlproto"
)

func (s *Server) authForget(_ context.Context, p *params) (any, error) {
	user := p.address("aor")
	if err := p.err(); err != nil {
		return nil, err
	}
	s.cfg.Credentials.Forget(user)
	return ctlproto.Done{}, nil
}

// reload reads a table again. Why that failed is for the log: the text of a
// database's error may hold anything.
func (s *Server) reload(ctx context.Context, noun string, table Reloader) (any, error) {
	if err := table.Reload(ctx); err != nil {
		s.cfg.Log.Error("control: reload failed", "table", noun, "error", err)
		return nil, ctlproto.Errorf(ctlproto.CodeUnavailable,
			"the %s could not be read again and stay as they were; the proxy's log has the reason", noun)
	}
	return ctlproto.Done{}, nil
}

// domainDump lists our domains, those of the script among them.
func (s *Server) domainDump(context.Context, *params) (any, error) {
	names := s.cfg.DomainList.Domains()
	list := make([]ctlproto.DomainItem, len(names))
	for i, name := range names {
		list[i] = ctlproto.DomainItem{Domain: name, DID: name}
	}
	return list, nil
}
