// Package daemon puts the proxy together and runs it: database, modules, script,
// relay, sockets, user agent and control socket, in this order, and ends them in
// the opposite one.
package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"

	"seraph/ctlproto"
	"seraph/proxy/internal/script"
	"seraph/proxy/internal/transport"
	"seraph/sql/store"
)

// Name is the program's name, on the control socket and in the log.
const Name = "seraph-proxy"

// DefaultState is the folder of what the proxy keeps: the embedded database and
// the key of its Record-Route.
const DefaultState = "/var/lib/seraph"

// NoDatabase as Config.DB runs the proxy without one: bindings live in memory,
// and nobody can authenticate.
const NoDatabase = "none"

// Config is the command line.
type Config struct {
	Version string
	// Script is the path of the routing script; empty is the embedded one.
	Script string
	// Defines are words that are defined before the script begins, as NAME or NAME=VALUE.
	Defines []string
	// DB is the URL of the database, NoDatabase, or empty for the embedded
	// database in the state folder.
	DB string
	// State is the state folder, created if its parent exists.
	State string
	// Control is the path of the control socket; empty is the script's, else
	// ctlproto.DefaultSocket.
	Control string
	// Listen are the addresses to listen on in the form of transport.ParseListen;
	// none are the script's, else every IPv4 address at port 5060.
	Listen []string
	// Advertise is a HOST[:PORT] that stands in Via, Record-Route and Contact for
	// every address of Listen that names none itself.
	Advertise string
	// Memory is what transactions and dialogs may hold, in bytes; 0 is the script's word,
	// else a part of what the process may have.
	Memory int64
	Log    *slog.Logger
	// LogLost is how many lines of the log are lost; nil for none.
	LogLost func() uint64
	// Level is the log's, which the script may change; nil for a fixed one.
	Level *slog.LevelVar
}

// embedded is the URL of the embedded database.
func (c *Config) embedded() (string, error) {
	return store.SQLiteURL(filepath.Join(c.State, "seraph.db"))
}

// control chooses the path of the control socket.
func (c *Config) control(g *script.Globals) string {
	switch {
	case c.Control != "":
		return c.Control
	case g.UnixSock != "":
		return g.UnixSock
	}
	return ctlproto.DefaultSocket
}

// listen chooses what to listen on: the command line's word, then the script's.
func (c *Config) listen(g *script.Globals) ([]transport.Listen, error) {
	texts, advertise := c.Listen, c.Advertise
	if len(texts) == 0 {
		texts = g.Listen
	}
	if advertise == "" && g.AdvertisedAddress != "" {
		advertise = g.AdvertisedAddress
		if g.AdvertisedPort != 0 {
			advertise = fmt.Sprintf("%s:%d", advertise, g.AdvertisedPort)
		}
	}
	if len(texts) == 0 {
		port := g.Port
		if port == 0 {
			port = 5060
		}
		texts = []string{fmt.Sprintf("0.0.0.0:%d", port)}
		if g.EnableTLS {
			texts = append(texts, fmt.Sprintf("tls:0.0.0.0:%d", transport.TLS.DefaultPort()))
		}
	}
	var all []transport.Listen
	for _, text := range texts {
		list, err := transport.ParseListen(text)
		if err != nil {
			return nil, err
		}
		for _, l := range list {
			if l.Proto == transport.TCP && g.DisableTCP && len(list) > 1 {
				continue
			}
			if l.Advertise == "" {
				l.Advertise = advertised(l.Proto, advertise)
			}
			all = append(all, l)
		}
	}
	return all, nil
}

// advertised is the common advertised address for a socket: its port is that of UDP and
// TCP, while TLS and WebSockets keep their own.
func advertised(proto transport.Proto, address string) string {
	if proto == transport.UDP || proto == transport.TCP {
		return address
	}
	host, _, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		return address // it has no port
	case strings.Contains(host, ":"):
		return "[" + host + "]"
	}
	return host
}

// check finds what can be wrong before anything is opened.
func (c *Config) check() error {
	if c.State == "" {
		return errors.New("the state folder must not be empty")
	}
	if !filepath.IsAbs(c.State) {
		abs, err := filepath.Abs(c.State)
		if err != nil {
			return fmt.Errorf("state folder %s: %w", c.State, err)
		}
		c.State = abs
	}
	for _, text := range c.Listen {
		if _, err := transport.ParseListen(text); err != nil {
			return err
		}
	}
	return nil
}
