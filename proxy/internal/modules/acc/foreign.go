package acc

import (
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/seldom"
)

// foreign bounds the missed calls that callers can make who have not shown who they
// are. Its memory is fixed, whoever calls whom.
type foreign struct {
	sources, callees *module.Quota
	told             seldom.Gate // that there are too many
}

func (f *foreign) init(s *settings) {
	f.sources, f.callees = module.NewQuota(s.foreignPerSource, s.foreignPeriod), module.NewQuota(s.foreignPerCallee, s.foreignPeriod)
}

// take counts one more missed call; false if that is too many from there, or for him.
func (f *foreign) take(e *ending) bool {
	source := module.QuotaKey(e.source)
	if !f.sources.Take(source[:], e.now) {
		return false
	}
	if f.callees.Take(e.callee, e.now) {
		return true
	}
	f.sources.Give(source[:], e.now)
	return false
}
