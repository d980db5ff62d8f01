package dialog

import (
	"time"

	"seraph/proxy/internal/module"
)

// noFlag as dlg_flag: no flag is set, and every INVITE counts.
const noFlag = -1

// settings are the parameters.
type settings struct {
	defaultTimeout, earlyTimeout, noAckTimeout time.Duration
	kaTimer                                    time.Duration // 0: phones are not asked
	enableStats, timeoutBye, strict            bool
	flag                                       int
	maxDialogs                                 int
}

func defaults() settings {
	return settings{
		defaultTimeout: 12 * time.Hour, earlyTimeout: 5 * time.Minute, noAckTimeout: time.Minute,
		enableStats: true, timeoutBye: true, strict: true, flag: noFlag, maxDialogs: 1 << 16,
	}
}

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	s := &m.set
	return []module.Param{
		module.SecondsParam("default_timeout", &s.defaultTimeout, 10, 30*24*3600, "how long a call may be up without a re-INVITE or UPDATE (default 43200, 12 hours)"),
		module.SecondsParam("early_timeout", &s.earlyTimeout, 3, 3600, "how long a call that is not answered stays in the table after the last news of it (default 300)"),
		module.SecondsParam("noack_timeout", &s.noAckTimeout, 3, 3600, "how long an answered call may be without its ACK (default 60)"),
		module.SecondsParam("ka_timer", &s.kaTimer, 0, 24*3600, "how often the phones of a call are asked by OPTIONS whether they are still there; 0, the default, is never"),
		module.SwitchParam("timeout_bye", &s.timeoutBye, "1, the default: a call that is over by time is hung up on both sides; 0: it is only forgotten"),
		module.SwitchParam("enable_stats", &s.enableStats, "1, the default: the statistics of group dialog are there"),
		module.SwitchParam("strict", &s.strict, "1, the default: requests within a dialog pass while that is up, and only to its other end; 0: wherever they want"),
		module.FlagParam("dlg_flag", &s.flag, "only calls with this flag are listed and accounted; all that are record-routed if not set"),
		module.NumberParam("max_dialogs", &s.maxDialogs, 16, 1<<22, "how many dialogs are tracked at once (default 65536); further ones are not listed, and only get from the caller to where the INVITE went and back"),
	}
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{
		{Name: "dlg_manage", Routes: module.RequestRoute | module.FailureRoute,
			Compile: module.NoArgs(manage),
			Doc:     "has the dialog of this INVITE listed and accounted; with it anywhere in the script, no other ones are"},
		{Name: "is_known_dlg", Routes: module.AnyRoute, Compile: module.NoArgs(m.known),
			Doc: "true if the message belongs to a dialog of the table"},
	}
}

// Narrow says whether dlg_manage stands in the script in force: where it does, what has not passed
// it is neither listed nor accounted.
func (m *Module) Narrow(managed bool) { m.narrowed.Store(managed) }

func manage(c *module.Ctx) int {
	c.ManageDialog = true
	return module.True
}

func (m *Module) known(c *module.Ctx) int {
	if m.Known(c.Msg) {
		return module.True
	}
	return module.False
}
