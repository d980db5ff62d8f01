package acc

import (
	"fmt"
	"log/slog"
	"time"

	"seraph/proxy/internal/module"
)

// noFlag as a flag's number: the script sets none, and every request counts.
const noFlag = -1

// settings are the parameters.
type settings struct {
	dbFlag, dbMissedFlag, failedFlag int
	logFlag, logMissedFlag           int
	logLevel                         slog.Level
	maxQueue                         int
	writeInterval, remember          time.Duration

	foreignPerSource, foreignPerCallee int
	foreignPeriod                      time.Duration
	keepDays                           int
}

func defaults() settings {
	return settings{
		dbFlag: noFlag, dbMissedFlag: noFlag, failedFlag: noFlag, logFlag: noFlag, logMissedFlag: noFlag,
		maxQueue: 20000, writeInterval: 100 * time.Millisecond, remember: 64 * time.Second,
		foreignPerSource: 60, foreignPerCallee: 100, foreignPeriod: time.Hour, keepDays: 90,
	}
}

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	s := &m.set
	return append(m.stockParams(), []module.Param{
		module.DBURLParam(&m.DatabaseURL),
		module.FlagParam("db_flag", &s.dbFlag, "only requests with this flag get a row in acc; all of them if not set"),
		module.FlagParam("db_missed_flag", &s.dbMissedFlag, "only calls with this flag count as missed; all of them if not set"),
		module.FlagParam("failed_transaction_flag", &s.failedFlag, "requests with this flag get a row in acc when they fail too"),
		module.FlagParam("log_flag", &s.logFlag, "requests with this flag are logged when they succeed"),
		module.FlagParam("log_missed_flag", &s.logMissedFlag, "missed calls with this flag are logged"),
		table("db_table_acc", "acc"),
		table("db_table_missed_calls", "missed_calls"),
		module.NumberParam("max_queue", &s.maxQueue, 100, 1000000, "rows that wait while the database is away (default 20000)"),
		module.MillisecondsParam("write_interval", &s.writeInterval, 1, 3600000, "milliseconds from the first row of a batch to its writing (default 100)"),
		module.NumberParam("foreign_per_source", &s.foreignPerSource, 1, 1000000, "missed calls of callers who are not authenticated that are noted from one address in foreign_period (default 60)"),
		module.NumberParam("foreign_per_callee", &s.foreignPerCallee, 1, 1000000, "the same for one callee (default 100)"),
		module.SecondsParam("foreign_period", &s.foreignPeriod, 1, 86400, "seconds over which these two count (default 3600)"),
		module.NumberParam("keep_days", &s.keepDays, 0, 36500, "days that a call stays in call_log; 0 for ever (default 90)"),
	}...)
}

func table(name, want string) module.Param {
	return module.Param{Name: name, Kind: module.String, Doc: "taken if " + want, Set: func(v string, _ int) error {
		if v != want {
			return fmt.Errorf("%s can only be %q", name, want)
		}
		return nil
	}}
}

// Funcs is empty: a script sets flags, if anything.
func (m *Module) Funcs() []module.Func { return nil }

// has reports whether a request's flags have flag number n, or n is not set.
func has(flags uint32, n int) bool { return n == noFlag || flags>>n&1 == 1 }

// asked is has for flags that must be set by the script.
func asked(flags uint32, n int) bool { return n != noFlag && flags>>n&1 == 1 }
