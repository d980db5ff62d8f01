package control

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
)

// maxStatNames is how many names one call may ask for.
const maxStatNames = 100

func (s *Server) statistics(_ context.Context, p *params) (any, error) {
	chosen, err := s.chooseStatistics(p)
	if err != nil {
		return nil, err
	}
	lines := make([]string, len(chosen))
	for i, one := range chosen {
		lines[i] = one.String()
	}
	return lines, nil
}

func (s *Server) statsFetch(_ context.Context, p *params) (any, error) {
	chosen, err := s.chooseStatistics(p)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(chosen))
	for _, one := range chosen {
		values[one.Group+"."+one.Name] = strconv.FormatInt(one.Value, 10)
	}
	return values, nil
}

// chooseStatistics returns what the names ask for, sorted and without doubles:
// "all", "group:", "group:name" (also "group.name", as stats.fetch writes it)
// or a name alone. A group that this proxy does not have is empty, since tools
// ask for Kamailio's; a single statistic that does not exist is an error.
func (s *Server) chooseStatistics(p *params) ([]ctlproto.Statistic, error) {
	names := p.list("names", maxStatNames)
	if err := p.err(); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = []string{"all"}
	}
	var all []ctlproto.Statistic
	s.cfg.Statistics.Statistics(func(group, name string, value int64) {
		all = append(all, ctlproto.Statistic{Group: group, Name: name, Value: value})
	})
	slices.SortFunc(all, func(a, b ctlproto.Statistic) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
	})
	chosen := make([]bool, len(all))
	for _, name := range names {
		found := strings.HasSuffix(name, ":")
		for i, one := range all {
			if asksFor(name, one) {
				chosen[i], found = true, true
			}
		}
		if !found {
			return nil, unknownStatistic(name, all)
		}
	}
	wanted := make([]ctlproto.Statistic, 0, len(all))
	for i, one := range all {
		if chosen[i] {
			wanted = append(wanted, one)
		}
	}
	return wanted, nil
}

func asksFor(name string, one ctlproto.Statistic) bool {
	if name == "all" || name == one.Name || name == one.Group+":" {
		return true
	}
	rest, ok := strings.CutPrefix(name, one.Group)
	return ok && (rest == ":"+one.Name || rest == "."+one.Name)
}

func unknownStatistic(name string, all []ctlproto.Statistic) *ctlproto.Error {
	known := make([]string, len(all))
	for i, one := range all {
		known[i] = one.Group + ":" + one.Name
	}
	e := ctlproto.Errorf(ctlproto.CodeNotFound, "no statistic %q", shorten(name))
	if near := module.Nearest(name, known); near != "" {
		e.Message += fmt.Sprintf("; did you mean %q?", near)
	}
	return e
}

func (s *Server) tmStats(context.Context, *params) (any, error) {
	return s.cfg.Tm.TmStats(), nil
}

// tmList lists the transactions that are in memory.
func (s *Server) tmList(_ context.Context, p *params) (any, error) {
	callID := p.line("callid", maxText)
	limit := p.integer("limit", 100, 1, ctlproto.MaxTmList)
	if err := p.err(); err != nil {
		return nil, err
	}
	return s.cfg.Tm.TmList(callID, int(limit)), nil
}

func (s *Server) slStats(context.Context, *params) (any, error) {
	return s.cfg.Sl.SlStats(), nil
}
