package control

import (
	"context"
	"math"
	"net/netip"
	"slices"
	"strings"

	"seraph/ctlproto"
)

// Guards are the modules that keep floods and strangers off; one that is nil takes its methods
// off the list.
type Guards struct {
	Pike        Pike
	Htable      Htable
	Ratelimit   Ratelimit
	Permissions Permissions
}

// Pike counts the requests of sources.
type Pike interface {
	// Top lists the sources; filter is ALL, HOT or WARM.
	Top(filter string) ctlproto.PikeTop
	// Remove forgets what an address has sent; false if nothing is known of it.
	Remove(a netip.Addr) bool
}

// Htable is the script's tables. What an error says is fit for the caller.
type Htable interface {
	Dump(table string) ([]ctlproto.HtableSlot, error)
	Item(table, key string) (ctlproto.HtableItem, error)
	Delete(table, key string) error
	SetText(table, key, value string) error
	SetNumber(table, key string, value int64) error
	Flush(table string) error
	Tables() []ctlproto.HtableTable
	Stats() []ctlproto.HtableStats
}

// Ratelimit is the pipes. What an error says is fit for the caller.
type Ratelimit interface {
	Pipes() []ctlproto.RlPipe
	SetPipe(number int, algorithm string, limit int) error
}

// Permissions is the tables of addresses and of trusted peers.
type Permissions interface {
	ReloadAddresses(ctx context.Context) error
	ReloadTrusted(ctx context.Context) error
	DumpAddresses() []ctlproto.PermAddress
	DumpSubnets() []ctlproto.PermAddress
	DumpTrusted() []ctlproto.PermTrusted
}

// maxHtableKey and maxHtableValue are what module htable takes.
const (
	maxHtableKey   = 255
	maxHtableValue = 1024
)

func (s *Server) addGuards(add func(method string, run func(context.Context, *params) (any, error), names ...string)) {
	g := &s.cfg.Guards
	if g.Pike != nil {
		add(ctlproto.MethodPikeTop, s.pikeTop, "filter")
		add(ctlproto.MethodPikeRm, s.pikeRm, "ip")
	}
	if g.Htable != nil {
		add(ctlproto.MethodHtableDump, s.htableDump, "htable")
		add(ctlproto.MethodHtableGet, s.htableGet, "htable", "key")
		add(ctlproto.MethodHtableDelete, s.htableDelete, "htable", "key")
		add(ctlproto.MethodHtableSets, s.htableSets, "htable", "key", "value")
		add(ctlproto.MethodHtableSeti, s.htableSeti, "htable", "key", "value")
		add(ctlproto.MethodHtableFlush, s.htableFlush, "htable")
		add(ctlproto.MethodHtableListTables, func(context.Context, *params) (any, error) { return g.Htable.Tables(), nil })
		add(ctlproto.MethodHtableStats, func(context.Context, *params) (any, error) { return g.Htable.Stats(), nil })
	}
	if g.Ratelimit != nil {
		add(ctlproto.MethodRlGetPipes, func(context.Context, *params) (any, error) { return g.Ratelimit.Pipes(), nil })
		add(ctlproto.MethodRlSetPipe, s.rlSetPipe, "pipe_id", "pipe_algorithm", "pipe_limit")
	}
	if g.Permissions != nil {
		add(ctlproto.MethodPermAddressReload, s.reloading("addresses", g.Permissions.ReloadAddresses))
		add(ctlproto.MethodPermTrustedReload, s.reloading("trusted peers", g.Permissions.ReloadTrusted))
		add(ctlproto.MethodPermAddressDump, func(context.Context, *params) (any, error) { return g.Permissions.DumpAddresses(), nil })
		add(ctlproto.MethodPermSubnetDump, func(context.Context, *params) (any, error) { return g.Permissions.DumpSubnets(), nil })
		add(ctlproto.MethodPermTrustedDump, func(context.Context, *params) (any, error) { return g.Permissions.DumpTrusted(), nil })
	}
}

func (s *Server) reloading(noun string, reload func(context.Context) error) func(context.Context, *params) (any, error) {
	return func(ctx context.Context, _ *params) (any, error) { return s.reload(ctx, noun, ReloaderFunc(reload)) }
}

func (s *Server) pikeTop(_ context.Context, p *params) (any, error) {
	filter := strings.ToUpper(p.line("filter", maxText))
	if filter == "" {
		filter = "HOT"
	}
	if !slices.Contains([]string{"ALL", "HOT", "WARM"}, filter) {
		p.wrong("filter", "want ALL, HOT or WARM")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return s.cfg.Guards.Pike.Top(filter), nil
}

func (s *Server) pikeRm(_ context.Context, p *params) (any, error) {
	text, _, _ := strings.Cut(p.required("ip", maxText), "/") // as pike.top shows a network of IPv6
	ip, err := netip.ParseAddr(text)
	if err != nil {
		p.wrong("ip", "want an address")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	if !s.cfg.Guards.Pike.Remove(ip) {
		return nil, ctlproto.Errorf(ctlproto.CodeNotFound, "nothing is known of %s", ip)
	}
	return ctlproto.Done{}, nil
}

// item reads the table and the key of a call.
func (p *params) item() (table, key string, err error) {
	table, key = p.required("htable", maxText), p.required("key", maxHtableKey)
	if e := p.err(); e != nil {
		return "", "", e
	}
	return table, key, nil
}

// told is the answer of a module whose errors are fit for the caller.
func told(err error) (any, error) {
	if err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeNotFound, "%v", err)
	}
	return ctlproto.Done{}, nil
}

func (s *Server) htableDump(_ context.Context, p *params) (any, error) {
	table := p.required("htable", maxText)
	if err := p.err(); err != nil {
		return nil, err
	}
	slots, err := s.cfg.Guards.Htable.Dump(table)
	if err != nil {
		return told(err)
	}
	return slots, nil
}

func (s *Server) htableGet(_ context.Context, p *params) (any, error) {
	table, key, err := p.item()
	if err != nil {
		return nil, err
	}
	item, err := s.cfg.Guards.Htable.Item(table, key)
	if err != nil {
		return told(err)
	}
	return ctlproto.HtableGet{Item: item}, nil
}

func (s *Server) htableDelete(_ context.Context, p *params) (any, error) {
	table, key, err := p.item()
	if err != nil {
		return nil, err
	}
	return told(s.cfg.Guards.Htable.Delete(table, key))
}

func (s *Server) htableSets(_ context.Context, p *params) (any, error) {
	value := p.text("value", maxHtableValue)
	table, key, err := p.item()
	if err != nil {
		return nil, err
	}
	return told(s.cfg.Guards.Htable.SetText(table, key, value))
}

func (s *Server) htableSeti(_ context.Context, p *params) (any, error) {
	if p.given("value") == nil {
		p.wrong("value", "missing")
	}
	value := p.integer("value", 0, math.MinInt32, math.MaxInt32)
	table, key, err := p.item()
	if err != nil {
		return nil, err
	}
	return told(s.cfg.Guards.Htable.SetNumber(table, key, value))
}

func (s *Server) htableFlush(_ context.Context, p *params) (any, error) {
	table := p.required("htable", maxText)
	if err := p.err(); err != nil {
		return nil, err
	}
	return told(s.cfg.Guards.Htable.Flush(table))
}

func (s *Server) rlSetPipe(_ context.Context, p *params) (any, error) {
	for _, name := range []string{"pipe_id", "pipe_limit"} {
		if p.given(name) == nil {
			p.wrong(name, "missing")
		}
	}
	number := p.integer("pipe_id", 0, 0, 15)
	algorithm := p.required("pipe_algorithm", maxText)
	limit := p.integer("pipe_limit", 1, 1, 1<<24)
	if err := p.err(); err != nil {
		return nil, err
	}
	if err := s.cfg.Guards.Ratelimit.SetPipe(int(number), algorithm, int(limit)); err != nil {
		return nil, ctlproto.InvalidParam("pipe_algorithm", err.Error())
	}
	return ctlproto.Done{}, nil
}
