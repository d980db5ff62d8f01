// Package websocket is Kamailio's module websocket as far as there is something to set:
// SIP over WebSocket itself (RFC 7118) is a listening address. README.md is its manual
// page.
package websocket

import (
	"fmt"
	"net/url"
	"time"

	"seraph/proxy/internal/module"
)

// Module is websocket.
type Module struct {
	origins   []string
	keepalive time.Duration
}

// New makes the module.
func New() *Module { return &Module{} }

// Name is "websocket".
func (m *Module) Name() string { return "websocket" }

// Origins are the origins of the pages that may connect, none for every page.
func (m *Module) Origins() []string { return m.origins }

// Keepalive is how long a WebSocket may be silent before it is asked, 0 if not set.
func (m *Module) Keepalive() time.Duration { return m.keepalive }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	keepalive := module.SecondsParam("keepalive_timeout", &m.keepalive, 5, 3600, "seconds of silence after which a peer is asked whether it is there, 60 if not set")
	keepalive.AtStart = true // as the origins: the sockets have both
	return []module.Param{
		{Name: "origin", AtStart: true, Kind: module.String, Doc: "the origin of a page that may connect, such as https://phone.example.org; may be repeated",
			Set: func(s string, _ int) error {
				u, err := url.Parse(s)
				if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
					return fmt.Errorf("%q is no origin: want https://host or https://host:port", s)
				}
				m.origins = append(m.origins, s)
				return nil
			}},
		keepalive,
	}
}

// Funcs is empty.
func (m *Module) Funcs() []module.Func { return nil }
