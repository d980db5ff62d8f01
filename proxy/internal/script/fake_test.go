package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"seraph/proxy/internal/module"
)

// fake is a module whose functions are made by the test.
type fake struct {
	name   string
	params []module.Param
	funcs  []module.Func
}

func (f *fake) Name() string           { return f.name }
func (f *fake) Params() []module.Param { return f.params }
func (f *fake) Funcs() []module.Func   { return f.funcs }

// stage is a set of modules with SER's names that note their calls, and what
// their functions return.
type stage struct {
	calls   []string       // "lookup(location)"
	returns map[string]int // by name; 1 if absent
	params  map[string]string
}

func newStage() *stage { return &stage{returns: map[string]int{}, params: map[string]string{}} }

func (s *stage) fn(name string, least, most int, routes module.Routes) module.Func {
	return module.Func{Name: name, Min: least, Max: most, Routes: routes, Compile: func(args []module.Arg) (module.Call, error) {
		texts := make([]string, len(args))
		for i, a := range args {
			texts[i] = a.Str
			if a.Str == "refused by the function" {
				return nil, errors.New("the argument makes no sense")
			}
			if a.Str == "a fault" {
				panic("index out of range")
			}
		}
		line := name + "(" + strings.Join(texts, ",") + ")"
		return func(*module.Ctx) int {
			s.calls = append(s.calls, line)
			if code, ok := s.returns[name]; ok {
				return code
			}
			return module.True
		}, nil
	}}
}

// isMethod is is_method, which says the truth here: what scripts do hangs on it.
func isMethod() module.Func {
	return module.Func{Name: "is_method", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: func(args []module.Arg) (module.Call, error) {
		list := strings.Split(args[0].Str, "|")
		return func(c *module.Ctx) int {
			if slices.Contains(list, string(c.Msg.MethodText())) {
				return module.True
			}
			return module.False
		}, nil
	}}
}

func (s *stage) param(name string, kind module.Kind, secret bool) module.Param {
	return module.Param{Name: name, Kind: kind, Secret: secret, Set: func(str string, num int) error {
		if kind == module.Int {
			if num < 0 {
				return fmt.Errorf("%d is below 0", num)
			}
			str = fmt.Sprint(num)
		}
		if secret && str == "weak" {
			return errors.New("weak is too short")
		}
		s.params[name] = str
		return nil
	}}
}

// modules are those of the stock script, with the functions that tests call.
func (s *stage) modules() []module.Module {
	const requests = module.RequestRoute | module.FailureRoute
	waiting := s.fn("www_authorize", 2, 2, module.AnyRoute)
	waiting.MayWait = true
	return []module.Module{
		&fake{"tm", []module.Param{s.param("fr_timer", module.Int, false)}, []module.Func{
			s.fn("t_relay", 0, 0, requests), s.fn("t_newtran", 0, 0, module.RequestRoute),
			s.fn("t_reply", 2, 2, requests), s.fn("t_on_failure", 1, 1, requests), s.fn("t_on_reply", 1, 1, requests), s.fn("t_on_branch", 1, 1, requests),
			s.fn("t_check_status", 1, 1, module.FailureRoute|module.ReplyRoute), s.fn("t_is_canceled", 0, 0, module.AnyRoute),
			s.fn("t_is_failure_route", 0, 0, module.AnyRoute), s.fn("t_any_timeout", 0, 1, module.FailureRoute), s.fn("t_grep_status", 1, 1, module.FailureRoute),
		}},
		&fake{"sl", nil, []module.Func{s.fn("sl_send_reply", 2, 2, module.RequestRoute), s.fn("sl_reply_error", 0, 0, requests)}},
		&fake{"rr", nil, []module.Func{s.fn("record_route", 0, 1, module.RequestRoute), s.fn("loose_route", 0, 0, module.RequestRoute)}},
		&fake{"maxfwd", nil, []module.Func{s.fn("mf_process_maxfwd_header", 1, 1, module.RequestRoute)}},
		&fake{"usrloc", []module.Param{s.param("db_mode", module.Int, false), s.param("db_url", module.String, true)}, nil},
		&fake{"registrar", []module.Param{s.param("default_expires", module.Int, false)}, []module.Func{
			s.fn("save", 1, 1, module.RequestRoute), s.fn("lookup", 1, 1, requests),
		}},
		&fake{"auth", []module.Param{s.param("secret", module.String, true)}, []module.Func{
			s.fn("www_challenge", 2, 2, module.RequestRoute), s.fn("proxy_challenge", 2, 2, module.RequestRoute),
			s.fn("consume_credentials", 0, 0, module.RequestRoute), s.fn("check_to", 0, 0, module.RequestRoute),
			s.fn("check_from", 0, 0, module.RequestRoute),
		}},
		&fake{"auth_db", []module.Param{s.param("db_url", module.String, true)}, []module.Func{waiting, s.fn("proxy_authorize", 2, 2, module.RequestRoute)}},
		&fake{"textops", nil, []module.Func{
			s.fn("search", 1, 1, module.AnyRoute), s.fn("append_hf", 1, 1, module.AnyRoute), s.fn("append_to_reply", 1, 1, requests),
			s.fn("remove_hf", 1, 1, module.AnyRoute), isMethod(), s.fn("has_body", 0, 1, module.AnyRoute),
		}},
		&fake{"siputils", nil, []module.Func{s.fn("has_totag", 0, 0, module.AnyRoute), s.fn("uri_param", 1, 2, module.AnyRoute)}},
		&fake{"domain", nil, []module.Func{s.fn("is_from_local", 0, 0, module.AnyRoute)}},
		&fake{"alias_db", nil, []module.Func{s.fn("alias_db_lookup", 1, 1, requests)}},
		&fake{"nathelper", []module.Param{s.param("natping_interval", module.Int, false)}, []module.Func{
			s.fn("nat_uac_test", 1, 1, module.AnyRoute), s.fn("add_contact_alias", 0, 0, module.AnyRoute),
			s.fn("handle_ruri_alias", 0, 0, requests), s.fn("fix_nated_register", 0, 0, module.RequestRoute),
		}},
		&fake{"sanity", nil, []module.Func{s.fn("sanity_check", 0, 2, module.RequestRoute)}},
		&fake{"pike", []module.Param{s.param("sampling_time_unit", module.Int, false), s.param("reqs_density_per_unit", module.Int, false)},
			[]module.Func{s.fn("pike_check_req", 0, 0, module.RequestRoute)}},
		&fakeTables{fake{"htable", []module.Param{s.param("htable", module.String, false)}, nil}, map[string]module.Value{}},
		&fake{"permissions", nil, []module.Func{s.fn("allow_source_address", 0, 1, module.AnyRoute)}},
		&fake{"userblock", []module.Param{s.param("foreign_group", module.String, false)}, []module.Func{
			s.fn("ub_blocked", 0, 0, requests), s.fn("ub_dnd", 0, 0, requests), s.fn("ub_heed_phones", 0, 0, requests), s.fn("ub_forward", 1, 1, requests), s.fn("ub_no_answer_timeout", 0, 0, requests),
		}},
		&fake{"speeddial", nil, []module.Func{s.fn("sd_lookup", 1, 2, module.RequestRoute)}},
		&fake{"ctd", nil, nil},
		&fake{"dialog", nil, []module.Func{s.fn("dlg_manage", 0, 0, requests)}},
		&fake{"acc", []module.Param{s.param("db_missed_flag", module.Int, false)}, nil},
		&fake{"msilo", nil, []module.Func{s.fn("m_store", 1, 1, requests), s.fn("m_dump", 0, 0, module.RequestRoute),
			s.fn("m_dumping", 0, 0, module.RequestRoute)}},
	}
}

// fakeTables is a module that brings a variable, $sht(key), whatever its key.
type fakeTables struct {
	fake
	items map[string]module.Value
}

func (f *fakeTables) Vars() []module.Var {
	return []module.Var{{Name: "sht", Form: "a table and a key: $sht(table=>key)", Bind: func(arg string, s *module.Scope) (module.BoundVar, error) {
		key, literal, err := module.ParseFormat(arg, s)
		if err != nil {
			return module.BoundVar{}, err
		}
		name := func(c *module.Ctx) string {
			if key == nil {
				return literal
			}
			return string(key.Value(c).Str)
		}
		return module.BoundVar{
			Get: func(c *module.Ctx) module.Value { return f.items[name(c)] },
			Set: func(c *module.Ctx, x module.Value) bool { f.items[name(c)] = x; return true },
		}, nil
	}}}
}
