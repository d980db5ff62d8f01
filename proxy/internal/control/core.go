package control

import (
	"context"
	"os"
	"time"

	"seraph/ctlproto"
)

func (s *Server) coreVersion(context.Context, *params) (any, error) {
	return s.cfg.Info.Version, nil
}

func (s *Server) coreUptime(context.Context, *params) (any, error) {
	now := s.cfg.Now()
	return ctlproto.CoreUptime{
		Now:     now.UTC().Format(ctlproto.UptimeLayout),
		UpSince: s.started.UTC().Format(ctlproto.UptimeLayout),
		Uptime:  int64(now.Sub(s.started) / time.Second),
	}, nil
}

func (s *Server) coreInfo(context.Context, *params) (any, error) {
	return s.cfg.Info, nil
}

// corePsx lists one process: where Kamailio has workers, we have goroutines.
func (s *Server) corePsx(context.Context, *params) (any, error) {
	return []ctlproto.Process{{Index: 0, PID: os.Getpid(), Description: s.cfg.Name}}, nil
}

func (s *Server) listMethods(context.Context, *params) (any, error) {
	return s.names, nil
}
