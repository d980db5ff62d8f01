// Package modules is the list of all modules of the routing language.
package modules

import (
	"context"
	"log/slog"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/acc"
	aliasdb "seraph/proxy/internal/modules/alias_db"
	"seraph/proxy/internal/modules/auth"
	authdb "seraph/proxy/internal/modules/auth_db"
	"seraph/proxy/internal/modules/ctd"
	"seraph/proxy/internal/modules/dialog"
	"seraph/proxy/internal/modules/domain"
	"seraph/proxy/internal/modules/group"
	"seraph/proxy/internal/modules/maxfwd"
	"seraph/proxy/internal/modules/msilo"
	"seraph/proxy/internal/modules/nathelper"
	pathhf "seraph/proxy/internal/modules/path"
	"seraph/proxy/internal/modules/registrar"
	"seraph/proxy/internal/modules/rr"
	"seraph/proxy/internal/modules/siputils"
	"seraph/proxy/internal/modules/sl"
	"seraph/proxy/internal/modules/textops"
	tlsmod "seraph/proxy/internal/modules/tls"
	"seraph/proxy/internal/modules/tm"
	uacredirect "seraph/proxy/internal/modules/uac_redirect"
	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/modules/websocket"
	"seraph/proxy/internal/modules/xlog"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/ua"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// Config is what the modules need of the rest of the proxy. Its zero value makes
// modules that can check a script and nothing else.
type Config struct {
	Log *slog.Logger
	Now func() time.Time
	// DB is nil where there is no database.
	DB *store.DB
	// NonceKey authenticates the nonces of digest challenges.
	NonceKey []byte
	// GRUUKey encrypts the temporary GRUUs.
	GRUUKey []byte
	// Journal is the folder of the registrations that the database did not take in time.
	Journal string
	// Accounts is the folder of the accounts that the database did not take before the end.
	Accounts string
	// ServerID goes into each binding.
	ServerID int32
	// Agent is the router's own user agent.
	Agent *ua.Agent
	// Sockets are the listening sockets, once there are any.
	Sockets func() []transport.Socket
	// Publish sends an event to those who listen on the control socket, Wanted
	// says whether anybody does.
	Publish func(topic string, data any)
	Wanted  func(topic string) bool
}

// Set is one instance of each module.
type Set struct {
	Usrloc    *usrloc.Module
	Auth      *auth.Module
	Domain    *domain.Module
	Alias     *aliasdb.Module
	Group     *group.Module
	Tm        *tm.Module
	Ctd       *ctd.Module
	Acc       *acc.Module
	Msilo     *msilo.Module
	TLS       *tlsmod.Module
	WebSocket *websocket.Module
	Dialog    *dialog.Module
	Nathelper *nathelper.Module
	Registrar *registrar.Module
	Guards    Guards
	Calls     CallModules

	all []module.Module
}

// New makes the modules. It has no side effect.
func New(cfg Config) *Set {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Set{
		Domain: domain.New(domain.Config{Log: cfg.Log, Load: loadDomains(cfg.DB)}),
		Alias:  aliasdb.New(aliasdb.Config{Log: cfg.Log, Load: loadAliases(cfg.DB)}),
		Group:  group.New(group.Config{Log: cfg.Log, Load: loadGroups(cfg.DB)}),
		Tm:     tm.New(tm.Config{}),
		TLS:    tlsmod.New(tlsmod.Config{Log: cfg.Log, Sockets: cfg.Sockets}), WebSocket: websocket.New(),
	}
	s.Acc = acc.New(accounting(cfg, acc.Config{
		Local:  s.Domain.Local,
		Closes: func(callID, fromTag, toTag []byte) bool { return s.Dialog.Closes(callID, fromTag, toTag) },
		Holds:  func(callID, fromTag, toTag []byte) bool { return s.Dialog.Holds(callID, fromTag, toTag) },
	}))
	s.Usrloc = usrloc.New(usrloc.Config{Store: locations(cfg.DB), Now: cfg.Now, Log: cfg.Log, Publish: cfg.Publish,
		Wanted: cfg.Wanted, Sockets: cfg.Sockets, ServerID: cfg.ServerID, Journal: cfg.Journal, Released: func(aor string) { s.Msilo.Released(aor) }})
	s.Msilo = msilo.New(msilo.Config{Silo: silo(cfg.DB), Sender: cfg.Agent, Locations: s.Usrloc.Table(), Alias: s.Alias.Resolve,
		Publish: cfg.Publish, Wanted: cfg.Wanted, Now: cfg.Now, Log: cfg.Log})
	s.Auth = auth.New(auth.Config{Log: cfg.Log, Key: cfg.NonceKey, Credentials: credentials(cfg.DB), LocalDomain: s.Domain.Local})
	s.Ctd = ctd.New(ctd.Config{Agent: cfg.Agent, Local: func(d string) bool { return s.Domain.Local([]byte(d)) },
		AutoAnswer: autoAnswer(cfg.DB), Over: func(callID, fromTag, toTag, by string) { s.Dialog.HungUp(callID, fromTag, toTag, by) }, Publish: cfg.Publish, Now: cfg.Now, Log: cfg.Log})
	s.Dialog = dialog.New(dialogs(cfg, s))
	s.Nathelper = nathelper.New(nathelper.Config{Locations: s.Usrloc.Table(), Now: cfg.Now, Log: cfg.Log})
	s.Registrar = registrar.New(registrar.Config{Usrloc: s.Usrloc, Key: cfg.GRUUKey, Aliases: s.Alias.Lookup, Now: cfg.Now, Log: cfg.Log})
	s.Guards = guards(cfg)
	s.Calls = callModules(cfg, s)
	s.all = []module.Module{
		sl.New(sl.Config{}), s.Tm, uacredirect.New(uacredirect.Config{}), rr.New(rr.Config{}), pathhf.New(pathhf.Config{}), maxfwd.New(maxfwd.Config{}), textops.New(textops.Config{Log: cfg.Log, Now: cfg.Now}),
		siputils.New(siputils.Config{}), xlog.New(xlog.Config{Log: cfg.Log}), s.Domain, s.Alias, s.Group,
		s.Auth, authdb.New(authdb.Config{Auth: s.Auth}), s.Nathelper, s.Usrloc,
		s.Registrar, s.Ctd,
		s.Acc, s.Msilo, s.TLS, s.WebSocket, s.Dialog,
	}
	s.all = append(append(s.all, s.Guards.all()...), s.Calls.all()...)
	return s
}

// All returns the modules.
func (s *Set) All() []module.Module { return s.all }

// Without a database the modules get a nil interface or function, never one that
// holds a nil pointer.

func locations(db *store.DB) usrloc.Store {
	if db == nil {
		return nil
	}
	return db.Locations
}

func credentials(db *store.DB) auth.Credentials {
	if db == nil {
		return nil
	}
	return db.Subscribers
}

func silo(db *store.DB) msilo.Silo {
	if db == nil {
		return nil
	}
	return db.Silo
}

// accounting is c, which knows the table of dialogs, with all else that the accounts need.
func accounting(cfg Config, c acc.Config) acc.Config {
	c.Publish, c.Wanted, c.Now, c.Log = cfg.Publish, cfg.Wanted, cfg.Now, cfg.Log
	if cfg.DB == nil {
		return c
	}
	c.Accounting, c.Calls = cfg.DB.Accounting, cfg.DB.Calls
	c.Subscribers = subscribers(cfg.DB)
	c.Journal = cfg.Accounts
	return c
}

// subscribers reads which of some addresses are those of subscribers.
func subscribers(db *store.DB) func(ctx context.Context, list []aor.AOR) (map[aor.AOR]bool, error) {
	return func(ctx context.Context, list []aor.AOR) (map[aor.AOR]bool, error) {
		found, err := db.Profiles.Presences(ctx, list)
		ours := make(map[aor.AOR]bool, len(found))
		for a := range found {
			ours[a] = true
		}
		return ours, err
	}
}

// autoAnswer reads whether a user wants click-to-dial answered by itself; a
// database that is away says no.
func autoAnswer(db *store.DB) func(ctx context.Context, user, domain string) bool {
	if db == nil {
		return nil
	}
	return func(ctx context.Context, user, domain string) bool {
		profile, err := db.Profiles.Load(ctx, aor.AOR{User: user, Domain: domain})
		return err == nil && profile.AutoAnswer
	}
}

func loadDomains(db *store.DB) func(context.Context) ([]string, error) {
	if db == nil {
		return nil
	}
	return func(ctx context.Context) ([]string, error) {
		list, err := db.Domains.List(ctx)
		names := make([]string, len(list))
		for i, d := range list {
			names[i] = d.Name
		}
		return names, err
	}
}

func loadAliases(db *store.DB) func(context.Context, func(alias, target aor.AOR)) error {
	if db == nil {
		return nil
	}
	return func(ctx context.Context, yield func(alias, target aor.AOR)) error {
		all, err := db.Aliases.All(ctx)
		for alias, target := range all {
			yield(alias, target)
		}
		return err
	}
}

func loadGroups(db *store.DB) func(context.Context, func(user aor.AOR, group string)) error {
	if db == nil {
		return nil
	}
	return func(ctx context.Context, yield func(user aor.AOR, group string)) error {
		all, err := db.Groups.All(ctx)
		for user, groups := range all {
			for _, g := range groups {
				yield(user, g)
			}
		}
		return err
	}
}
