package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/session"
	"seraph/webui/internal/user"
)

// defaultState is where the embedded database is unless --state says otherwise.
const defaultState = "/var/lib/seraph"

// Config is the configuration file, deploy/webui.toml, which explains each key.
// Options of the command line win over it.
type Config struct {
	Listen        string   `toml:"listen"`
	DB            string   `toml:"db"`
	State         string   `toml:"state"`
	Ctl           string   `toml:"ctl"`
	DefaultDomain string   `toml:"default_domain"`
	Proxies       []string `toml:"trusted_proxies"`
	TLSCert       string   `toml:"tls_cert"`
	TLSKey        string   `toml:"tls_key"`
	TimeZone      string   `toml:"time_zone"`
	Sessions      Sessions `toml:"sessions"`
	Aliases       Aliases  `toml:"aliases"`
	Contacts      Contacts `toml:"contacts"`
	Rules         Rules    `toml:"rules"`
	CallMe        CallMe   `toml:"call_me"`
	PublicURL     string   `toml:"public_url"`
	Mail          Mail     `toml:"mail"`
	SignUp        SignUp   `toml:"signup"`
}

// Contacts are the rules by which people add contacts by hand; see
// user.ContactRules.
type Contacts struct {
	Deny []user.ContactPattern `toml:"deny"`
}

// Rules are the limits of the call rules that people give themselves; see
// user.RuleLimits.
type Rules struct {
	Deny         []user.ContactPattern `toml:"deny"`
	Most         int                   `toml:"limit"`
	ForeignGroup string                `toml:"foreign_group"`
}

// Aliases are the rules by which people give themselves aliases; see
// user.AliasRules.
type Aliases struct {
	Limit    int      `toml:"limit"`
	Pattern  string   `toml:"pattern"`
	Reserved []string `toml:"reserved"`
	// FreedDays is for how many days nobody gives himself a deleted account's name.
	FreedDays int `toml:"freed_days"`
}

// Sessions are the limits of sessions; see session.Limits.
type Sessions struct {
	Idle         duration `toml:"idle"`
	Absolute     duration `toml:"absolute"`
	KeepIdle     duration `toml:"keep_idle"`
	KeepAbsolute duration `toml:"keep_absolute"`
	// AdminIdle and AdminAbsolute are for the administrators' pages.
	AdminIdle     duration `toml:"admin_idle"`
	AdminAbsolute duration `toml:"admin_absolute"`
}

// duration is a time.Duration written as "8h" or "90m".
type duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < time.Minute {
		return fmt.Errorf("%q is no duration of a minute or more, such as \"8h\" or \"90m\"", text)
	}
	*d = duration(v)
	return nil
}

// defaults are the settings of a program that is told nothing.
func defaults() Config {
	l, admin := session.DefaultLimits(), session.AdminLimits()
	return Config{
		Listen: "127.0.0.1:8080", State: defaultState, Ctl: ctlproto.DefaultSocket,
		Aliases: defaultAliases(), Rules: Rules{Most: store.MaxCallRules}, CallMe: defaultCallMe(), Mail: defaultMail(), SignUp: defaultSignUp(),
		Sessions: Sessions{
			duration(l.Idle), duration(l.Absolute), duration(l.KeepIdle), duration(l.KeepAbsolute),
			duration(admin.Idle), duration(admin.Absolute),
		},
	}
}

// parseArgs reads the command line and the file that it names. show, where it is
// not nil, is all that the program is asked for. Its errors are
// fit for the operator's eyes and hold no password.
func parseArgs(args []string, errs io.Writer) (cfg Config, show printout, err error) {
	var line Config
	flags := flag.NewFlagSet("seraph-webui", flag.ContinueOnError)
	flags.SetOutput(errs)
	file := flags.String("config", "", "read settings from `FILE` (see deploy/webui.toml)")
	flags.StringVar(&line.Listen, "listen", "", "serve HTTP on `ADDRESS:PORT` (default 127.0.0.1:8080)")
	flags.StringVar(&line.DB, "db", "", "database `URL` (default: the embedded one in the state folder)")
	flags.StringVar(&line.State, "state", "", "`DIR` of the embedded database (default "+defaultState+")")
	flags.StringVar(&line.Ctl, "ctl", "", "control socket `PATH` of seraph-proxy (default "+ctlproto.DefaultSocket+")")
	version := flags.Bool("version", false, "print the version and end")
	routes := flags.Bool("routes", false, "print the site map and end")
	flags.Usage = func() {
		fmt.Fprintln(errs, "Usage: seraph-webui [--config FILE] [--listen ADDRESS:PORT] [--db URL | --state DIR] [--ctl PATH] [--version] [--routes]")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return Config{}, nil, err
	}
	switch {
	case *version:
		return Config{}, printVersion, nil
	case *routes:
		return Config{}, printRoutes, nil
	case flags.NArg() > 0:
		return Config{}, nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	cfg = defaults()
	if *file != "" {
		if cfg, err = readConfig(*file, cfg); err != nil {
			return Config{}, nil, err
		}
	}
	cfg.override(line)
	return cfg, nil, cfg.check()
}

// readConfig reads a file over cfg. A key that does not exist is an error that
// names it.
func readConfig(path string, cfg Config) (Config, error) {
	meta, err := toml.DecodeFile(path, &cfg)
	var parse toml.ParseError
	if errors.As(err, &parse) {
		// Not the text of the line: it may hold the database's password.
		return cfg, fmt.Errorf("%s:%d: %s", path, parse.Position.Line, parse.Message)
	}
	if err != nil {
		return cfg, fmt.Errorf("%s: %w", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		names := make([]string, len(unknown))
		for i, key := range unknown {
			names[i] = key.String()
		}
		return cfg, fmt.Errorf("%s: unknown key %s", path, strings.Join(names, ", "))
	}
	return cfg, nil
}

// override takes what the command line says. A database there replaces whatever
// way the file names one.
func (c *Config) override(line Config) {
	set := func(to *string, from string) {
		if from != "" {
			*to = from
		}
	}
	if line.State != "" && line.DB == "" {
		c.DB = ""
	}
	set(&c.Listen, line.Listen)
	set(&c.DB, line.DB)
	set(&c.State, line.State)
	set(&c.Ctl, line.Ctl)
}

// check reports the first setting that cannot work, by its key.
func (c *Config) check() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen: %q is no address:port", c.Listen)
	}
	if err := ctlproto.CheckSocketPath(c.Ctl); err != nil {
		return fmt.Errorf("ctl: %w", err)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("tls_cert and tls_key belong together: one of them is missing")
	}
	if c.DefaultDomain != "" {
		domain, err := aor.ParseDomain(c.DefaultDomain)
		if err != nil {
			return fmt.Errorf("default_domain: %w", err)
		}
		c.DefaultDomain = domain
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil {
		return fmt.Errorf("time_zone: %q is no IANA name such as \"Europe/Prague\"", c.TimeZone)
	}
	if c.Rules.Most < 1 || c.Rules.Most > store.MaxCallRules {
		return fmt.Errorf("rules.limit: %d is not from 1 to %d", c.Rules.Most, store.MaxCallRules)
	}
	if _, err := c.Aliases.rules(); err != nil {
		return err
	}
	if _, err := c.CallMe.rules(); err != nil {
		return err
	}
	if _, err := c.desk(); err != nil {
		return err
	}
	_, err := c.proxies()
	return err
}

// zone is the time zone of those who have not chosen one.
func (c *Config) zone() (*time.Location, error) {
	if c.TimeZone == "" {
		return time.Local, nil
	}
	return time.LoadLocation(c.TimeZone)
}

// proxies reads trusted_proxies: addresses and networks.
func (c *Config) proxies() (session.Proxies, error) {
	var all session.Proxies
	for _, text := range c.Proxies {
		prefix, err := netip.ParsePrefix(text)
		if addr, errAddr := netip.ParseAddr(text); errAddr == nil {
			prefix, err = addr.Unmap().Prefix(addr.Unmap().BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("trusted_proxies: %q is neither an address nor a network such as \"10.0.0.0/8\"", text)
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}

// databaseURL is where the data are.
func (c *Config) databaseURL() (string, error) {
	if c.DB != "" {
		return c.DB, nil
	}
	return store.SQLiteURL(filepath.Join(c.State, "seraph.db"))
}

// limits are the sessions' limits.
func (c *Config) limits() session.Limits {
	s := c.Sessions
	return session.Limits{
		Idle: time.Duration(s.Idle), Absolute: time.Duration(s.Absolute),
		KeepIdle: time.Duration(s.KeepIdle), KeepAbsolute: time.Duration(s.KeepAbsolute),
	}
}

// adminLimits are those of administrators' sessions.
func (c *Config) adminLimits() session.Limits {
	return session.Limits{Idle: time.Duration(c.Sessions.AdminIdle), Absolute: time.Duration(c.Sessions.AdminAbsolute)}
}
