package modules

import (
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/htable"
	"seraph/proxy/internal/modules/permissions"
	"seraph/proxy/internal/modules/pike"
	"seraph/proxy/internal/modules/ratelimit"
	"seraph/proxy/internal/modules/sanity"
)

// Guards are the modules that keep floods, strangers and nonsense off.
type Guards struct {
	Pike        *pike.Module
	Htable      *htable.Module
	Ratelimit   *ratelimit.Module
	Permissions *permissions.Module
	Sanity      *sanity.Module
}

func guards(cfg Config) Guards {
	tables := permissions.Config{Log: cfg.Log}
	if cfg.DB != nil {
		tables.Addresses, tables.Trusted = cfg.DB.Addresses.All, cfg.DB.Trusted.All
	}
	return Guards{
		Pike:        pike.New(pike.Config{Log: cfg.Log, Now: cfg.Now}),
		Htable:      htable.New(htable.Config{Log: cfg.Log, Now: cfg.Now}),
		Ratelimit:   ratelimit.New(ratelimit.Config{Now: cfg.Now}),
		Permissions: permissions.New(tables),
		Sanity:      sanity.New(sanity.Config{Log: cfg.Log}),
	}
}

func (g *Guards) all() []module.Module {
	return []module.Module{g.Sanity, g.Pike, g.Htable, g.Ratelimit, g.Permissions}
}

// Statistics yields the counters of the guards.
func (g *Guards) Statistics(yield func(group, name string, value int64)) {
	g.Pike.Statistics(yield)
	g.Htable.Statistics(yield)
	g.Ratelimit.Statistics(yield)
}
