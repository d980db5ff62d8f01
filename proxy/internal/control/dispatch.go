package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
)

// handler is a method: the names of its parameters in Kamailio's order, and
// what it does with them.
type handler struct {
	names []string
	waits bool // for somebody's final response
	run   func(ctx context.Context, p *params) (any, error)
}

// largeResult is a result whose making and sending is counted (maxDumps).
type largeResult struct {
	raw     json.RawMessage
	release func()
}

// addMethods lists the methods whose part of the proxy is there.
func (s *Server) addMethods() {
	s.methods = make(map[string]handler)
	add := func(method string, run func(context.Context, *params) (any, error), names ...string) {
		s.methods[method] = handler{names: names, run: run}
	}
	add(ctlproto.MethodCoreVersion, s.coreVersion)
	add(ctlproto.MethodCoreUptime, s.coreUptime)
	add(ctlproto.MethodCoreInfo, s.coreInfo)
	add(ctlproto.MethodCorePsx, s.corePsx)
	add(ctlproto.MethodListMethods, s.listMethods)
	if s.cfg.Statistics != nil {
		add(ctlproto.MethodStatistics, s.statistics, "names…")
		add(ctlproto.MethodStatsFetch, s.statsFetch, "names…")
	}
	if s.cfg.Tm != nil {
		add(ctlproto.MethodTmStats, s.tmStats)
		add(ctlproto.MethodTmList, s.tmList, "callid", "limit")
	}
	if s.cfg.Sl != nil {
		add(ctlproto.MethodSlStats, s.slStats)
	}
	if s.cfg.Usrloc != nil {
		add(ctlproto.MethodUlDump, s.ulDump, "brief")
		add(ctlproto.MethodUlLookup, s.ulLookup, "table", "aor")
		add(ctlproto.MethodUlAdd, s.ulAdd, "table", "aor", "contact", "expires", "q", "path", "flags", "cflags", "methods", "received", "socket")
		add(ctlproto.MethodUlRm, s.ulRm, "table", "aor")
		add(ctlproto.MethodUlRmContact, s.ulRmContact, "table", "aor", "contact", "ruid")
		add(ctlproto.MethodUlFlush, s.ulFlush)
	}
	if s.cfg.Presence != nil {
		add(ctlproto.MethodPresenceGet, s.presenceGet, "addresses", "viewer")
	}
	if s.cfg.Ctd != nil {
		add(ctlproto.MethodCtdDial, s.ctdDial, "caller", "callee", "callee_name", "actor", "device", "no_auto_answer", "visitor")
		add(ctlproto.MethodCtdList, s.ctdList, "caller", "limit")
		add(ctlproto.MethodCtdStatus, s.ctdStatus, "id")
		add(ctlproto.MethodCtdCancel, s.ctdCancel, "id", "actor")
	}
	if s.cfg.Dialogs != nil {
		add(ctlproto.MethodDlgList, s.dlgList)
		add(ctlproto.MethodDlgStatsActive, s.dlgStatsActive)
		add(ctlproto.MethodDlgEnd, s.dlgEnd, "call-id", "from_tag", "to_tag", "h_entry", "h_id", "actor")
		add(ctlproto.MethodDlgTerminate, s.dlgEnd, "call-id", "from_tag", "to_tag")
		add(ctlproto.MethodDlgEndDlg, s.dlgEnd, "h_entry", "h_id")
	}
	if s.cfg.Messages != nil {
		add(ctlproto.MethodImSend, s.imSend, "from", "to", "text", "actor")
	}
	if s.cfg.Silo != nil {
		add(ctlproto.MethodMsiloList, s.msiloList, "owner", "limit", "offset")
		add(ctlproto.MethodMsiloRm, s.msiloRm, "owner", "ids…")
		add(ctlproto.MethodMsiloRead, s.msiloRead, "owner", "ids…")
		add(ctlproto.MethodMsiloDump, s.msiloDump, "owner")
	}
	if s.cfg.Uac != nil && s.cfg.Requests != nil {
		worded := []string{"method", "ruri", "nexthop", "socket", "headers", "body"}
		s.methods[ctlproto.MethodTmUacWaitBlock] = handler{names: worded, waits: true, run: s.uacWait}
		add(ctlproto.MethodTmUacStart, s.uacStart, worded...)
	}
	if s.cfg.Script != nil {
		add(ctlproto.MethodScriptCheck, s.scriptCheck, "file", "text")
	}
	if s.cfg.ScriptReload != nil {
		add(ctlproto.MethodScriptReload, s.scriptReload)
	}
	if s.cfg.Credentials != nil {
		add(ctlproto.MethodAuthForget, s.authForget, "aor")
	}
	if s.cfg.DomainList != nil {
		add(ctlproto.MethodDomainDump, s.domainDump)
	}
	s.addGuards(add)
	s.addCallModules(add)
	s.addReloads()
	s.names = append(slices.Collect(maps.Keys(s.methods)), ctlproto.MethodEventSubscribe)
	slices.Sort(s.names)
}

func (s *Server) addReloads() {
	for method, table := range map[string]struct {
		reloader Reloader
		noun     string
	}{
		ctlproto.MethodDomainReload: {s.cfg.Domains, "domains"},
		ctlproto.MethodAliasReload:  {s.cfg.Aliases, "aliases"},
		ctlproto.MethodGroupReload:  {s.cfg.Groups, "groups"},
		ctlproto.MethodTLSReload:    {s.cfg.TLS, "certificates"},
	} {
		if table.reloader == nil {
			continue
		}
		s.methods[method] = handler{run: func(ctx context.Context, _ *params) (any, error) {
			return s.reload(ctx, table.noun, table.reloader)
		}}
	}
}

// call finds the method of a request and runs it, for at most callLimit or, where it
// waits for a phone, as wait has it.
func (s *Server) call(ctx context.Context, from caller, request ctlproto.Request) (result any, refusal *ctlproto.Error) {
	method, ok := s.methods[request.Method]
	if !ok {
		return nil, s.unknownMethod(request.Method)
	}
	defer func() {
		if fault := recover(); fault != nil {
			s.cfg.Log.Error("control: method panicked", "method", request.Method, "fault", fault, "stack", string(debug.Stack()))
			result, refusal = nil, internalError()
		}
	}()
	p := parseParams(request.Params, method.names...)
	p.domains = s.domains
	if err := p.err(); err != nil {
		return nil, err
	}
	result, err := s.run(ctx, from, method, p)
	if err != nil {
		return nil, s.refusal(request.Method, err)
	}
	return result, nil
}

func (s *Server) run(ctx context.Context, from caller, method handler, p *params) (any, error) {
	if method.waits {
		ctx, end, err := s.wait(ctx, from)
		if err != nil {
			return nil, err
		}
		defer end()
		return method.run(ctx, p)
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return method.run(ctx, p)
}

// domains are those that the router serves, sorted.
func (s *Server) domains() []string {
	if s.cfg.DomainList == nil {
		return nil
	}
	return s.cfg.DomainList.Domains()
}

// refusal is what a caller learns of an error: a *ctlproto.Error as it is, and
// of others only what kind they are. The log gets the reason.
func (s *Server) refusal(method string, err error) *ctlproto.Error {
	if own, ok := errors.AsType[*ctlproto.Error](err); ok {
		return own
	}
	if errors.Is(err, context.Canceled) { // the caller has left, or the router stops
		s.cfg.Log.Info("control: method given up", "method", method, "error", err)
		return ctlproto.Errorf(ctlproto.CodeUnavailable, "%s was given up before there was an answer", method)
	}
	s.cfg.Log.Error("control: method failed", "method", method, "error", err)
	if errors.Is(err, context.DeadlineExceeded) {
		return ctlproto.Errorf(ctlproto.CodeUnavailable, "%s took too long and was given up", method)
	}
	return internalError()
}

func (s *Server) unknownMethod(name string) *ctlproto.Error {
	problem := ctlproto.MethodProblem{Method: shorten(name)}
	message := fmt.Sprintf("Method not found: %q", problem.Method)
	if missing := s.missing(name); missing != "" {
		message += "; " + missing
	} else if problem.Nearest = module.Nearest(name, s.names); problem.Nearest != "" {
		message += fmt.Sprintf("; did you mean %q?", problem.Nearest)
	}
	return &ctlproto.Error{Code: ctlproto.CodeMethodNotFound, Message: message, Data: problem}
}

// missing says why a group of methods is not there, "" if it is, or is none.
func (s *Server) missing(method string) string {
	group, _, _ := strings.Cut(method, ".")
	if group == "msilo" && s.cfg.Silo == nil {
		return "the script does not load module msilo, or there is no database"
	}
	guards, calls := &s.cfg.Guards, &s.cfg.CallModules
	for _, m := range [...]struct {
		group, module string
		loaded        bool
	}{
		{"ctd", "ctd", s.cfg.Ctd != nil},
		{"pike", "pike", guards.Pike != nil},
		{"htable", "htable", guards.Htable != nil},
		{"rl", "ratelimit", guards.Ratelimit != nil},
		{"permissions", "permissions", guards.Permissions != nil},
		{"dispatcher", "dispatcher", calls.Dispatcher != nil},
		{"speeddial", "speeddial", calls.Speeddial != nil},
		{"userblock", "userblock", calls.Userblock != nil},
	} {
		if m.group == group && !m.loaded {
			return "the script does not load module " + m.module
		}
	}
	return ""
}

// subscribeParams reads the parameters of events.subscribe; the result is
// sorted and without doubles.
func subscribeParams(raw json.RawMessage) ([]string, *ctlproto.Error) {
	p := parseParams(raw, "topics…")
	names := p.list("topics", 16*len(topics))
	if p.err() == nil && len(names) == 0 {
		p.wrong("topics", "missing; known are "+strings.Join(topics[:], ", "))
	}
	for i, name := range names {
		if knownTopic(name) {
			continue
		}
		problem := fmt.Sprintf("unknown topic %q; known are %s", shorten(name), strings.Join(topics[:], ", "))
		p.wrongElement("topics", i, problem)
	}
	slices.Sort(names)
	return slices.Compact(names), p.err()
}
