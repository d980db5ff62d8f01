package script

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// builtIn are modules of SER and Kamailio whose work needs none here: the database
// drivers, the pseudo-variables, what tmx adds to tm, the ways in for tools, and the
// debugger of scripts. loadmodule takes them, with the parameters that they have there, so
// that scripts need no change.
var builtIn = map[string]map[string]builtInParam{
	"jsonrpcs": {
		"pretty_format":  {kind: aNumber},
		"transport":      {kind: aNumber, told: "there are the FIFO (fifo_name) and the control socket (unix_sock), and no way in by HTTP or datagrams"},
		"fifo_name":      {kind: aText, set: (*compiler).setFIFOName},
		"fifo_mode":      {kind: aNumber, set: (*compiler).takeFIFOMode},
		"fifo_group":     {kind: aNumberOrName, set: (*compiler).takeFIFOGroup},
		"fifo_user":      {kind: aNumberOrName, told: fifoOwner},
		"fifo_reply_dir": {kind: aText, set: (*compiler).takeFIFODir},
		"dgram_socket":   {kind: aText, told: "tools come by the FIFO (fifo_name) or the control socket (unix_sock); there is none for datagrams"},
		"dgram_workers":  {kind: aNumber}, "dgram_mode": {kind: aNumber}, "dgram_group": {kind: aNumberOrName},
		"dgram_user": {kind: aNumberOrName}, "dgram_timeout": {kind: aNumber},
	},
	"mi_fifo": {
		"fifo_name":  {kind: aText, set: (*compiler).setFIFOName},
		"fifo_mode":  {kind: aNumber, set: (*compiler).takeFIFOMode},
		"fifo_group": {kind: aNumberOrName, set: (*compiler).takeFIFOGroup},
		"fifo_user":  {kind: aNumberOrName, told: fifoOwner},
		"reply_dir":  {kind: aText, set: (*compiler).takeFIFODir}, "reply_indent": {kind: aText},
	},
	"ctl": {
		"binrpc": {kind: aText, told: noBinRPC}, "fifo": {kind: aText, told: noBinRPC},
		"binrpc_buffer_size": {kind: aNumber}, "mode": {kind: aNumber}, "user": {kind: aNumberOrName}, "group": {kind: aNumberOrName},
		"autoconversion": {kind: aNumber}, "binrpc_max_body_size": {kind: aNumber}, "binrpc_struct_max_body_size": {kind: aNumber},
	},
	"cfg_rpc": {}, "mi_rpc": {}, "kex": {},
	"tmx": {"precheck_trans": {kind: aNumber}},
	"pv": {
		"varset":      {kind: aText, refused: "$var begins without a value with each message: set it in the route"},
		"shvset":      {kind: aText, refused: "there is no $shv"},
		"avp_aliases": {kind: aText, told: "each $avp has one name: write the same one everywhere"},
	},
	"corex": {
		"alias_subdomains": {kind: aText, told: "write alias for each name"},
		"dns_cache":        {kind: aText, told: "names are looked up"},
		"evcb_reply_out":   {kind: aText, told: "the script has no callbacks"},
		"nio_intercept":    {kind: aNumber, told: "there is no event_route[network:msg]"}, "nio_min_msg_len": {kind: aNumber}, "nio_msg_avp": {kind: aText},
	},
	"counters": {
		"script_counter": {kind: aText, told: "a script has no counters of its own"}, "script_cnt_grp_name": {kind: aText},
	},
	"mysql": {"ping_interval": {kind: aNumber}, "timeout_interval": {kind: aNumber}, "auto_reconnect": {kind: aNumber}},
	"db_mysql": {
		"ping_interval": {kind: aNumber}, "server_timezone": {kind: aNumber}, "timeout_interval": {kind: aNumber}, "auto_reconnect": {kind: aNumber},
		"insert_delayed": {kind: aNumber}, "update_affected_found": {kind: aNumber}, "unsigned_type": {kind: aNumber},
		"opt_ssl_mode": {kind: aNumber, told: "how the database is reached says its URL"},
	},
	"db_sqlite": {"db_set_readonly": {kind: aText, told: "the database is written to"}, "db_set_journal_mode": {kind: aText}},
	"debugger": {
		"cfgtrace": {kind: aNumber, told: noTrace}, "breakpoint": {kind: aNumber, told: noTrace}, "cfgtest": {kind: aNumber, told: noTrace},
		"cfgtrace_format": {kind: aNumber}, "cfgtrace_facility": {kind: aText}, "cfgpkgcheck": {kind: aNumber}, "log_level": {kind: aNumber},
		"log_level_name": {kind: aText}, "log_facility": {kind: aText}, "log_prefix": {kind: aText}, "log_assign": {kind: aNumber},
		"step_usleep": {kind: aNumber}, "step_loops": {kind: aNumber}, "mod_hash_size": {kind: aNumber}, "mod_level_mode": {kind: aNumber},
		"mod_level": {kind: aText}, "mod_facility_mode": {kind: aNumber}, "mod_facility": {kind: aText}, "reset_msgid": {kind: aNumber},
	},
}

// What an operator should know of parameters that do nothing.
const (
	fifoOwner = "the FIFO belongs to the user of the process; fifo_group says who else may write to it"
	noBinRPC  = "kamcmd is not understood: tools come by the FIFO (jsonrpcs' fifo_name) or the control socket (unix_sock)"
	noTrace   = "scripts are not traced: debug= and xlog tell what happens"
)

// builtInParam is a parameter of a built-in module.
type builtInParam struct {
	kind settingKind
	// set takes the value where it has an effect here.
	set func(k *compiler, m modparam)
	// told is said where it has none, and its author may count on one.
	told string
	// refused says why the script cannot have it.
	refused string
}

func isBuiltIn(name string) bool { _, ok := builtIn[name]; return ok }

// setBuiltIn takes a parameter of a built-in module.
func (k *compiler) setBuiltIn(name string, s modparam) {
	params := builtIn[name]
	p, ok := params[s.param.text]
	switch {
	case len(params) == 0:
		k.wrong(s.param.pos, "module %s is built in and has no parameters", name)
		return
	case !ok:
		k.wrong(s.param.pos, "module %s has no parameter %s%s", name, quoted(s.param.text),
			k.report.didYouMean(s.param.text, slices.Sorted(maps.Keys(params))))
		return
	case p.refused != "":
		k.wrong(s.param.pos, "parameter %s of %s is not supported: %s", s.param.text, name, p.refused)
		return
	case s.value.variable:
		k.wrong(s.value.pos, beforeMessages)
		return
	case p.kind == aNumber && k.isSwitch(&s.value):
	case !k.typed("parameter "+s.param.text+" of "+name, p.kind, &s.value):
		return
	}
	switch {
	case p.set != nil:
		p.set(k, s)
		k.prog.params = append(k.prog.params, Param{name, s.param.text, s.value.text, s.value.num})
	case p.told != "":
		k.warn(s.param.pos, "parameter %s of %s has no effect: %s", s.param.text, name, p.told)
	default:
		k.note(s.param.pos, "parameter %s of %s has no effect here", s.param.text, name)
	}
}

// isSwitch reports whether a value is yes or no, and makes a number of it, as in every modparam.
func (k *compiler) isSwitch(v *value) bool {
	n, ok := switches[strings.ToLower(v.text)]
	if ok = ok && !v.quoted && !v.number; ok {
		v.num = n
	}
	return ok
}

// setFIFOName takes the path of the FIFO from the module that makes it in Kamailio. The
// setting fifo goes before it.
func (k *compiler) setFIFOName(m modparam) {
	g := &k.prog.globals
	switch path := m.value.text; {
	case !filepath.IsAbs(path):
		k.wrong(m.value.pos, "fifo_name is the whole path of the FIFO: there is no run_dir that it could begin in")
	case k.named("fifo") && g.FIFO != path:
		k.warn(m.param.pos, "parameter fifo_name has no effect: the setting fifo names another FIFO")
	default:
		g.FIFO = path
	}
}

func (k *compiler) takeFIFOMode(m modparam)  { k.setFIFOMode(m.value) }
func (k *compiler) takeFIFOGroup(m modparam) { k.prog.globals.FIFOGroup = m.value.text }
func (k *compiler) takeFIFODir(m modparam)   { k.prog.globals.FIFODir = m.value.text }

// named reports whether the script makes a setting outside its modules.
func (k *compiler) named(setting string) bool {
	return slices.ContainsFunc(k.prog.tree.globals, func(g global) bool { return g.name == setting })
}

// opensBuiltIn reports whether the value of a built-in module's parameter may be shown: none
// of them is a password.
func opensBuiltIn(name, param string) bool {
	for _, part := range strings.Split(name, "|") {
		if _, ok := builtIn[part][param]; !ok {
			return false
		}
	}
	return true
}
