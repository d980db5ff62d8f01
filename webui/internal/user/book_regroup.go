package user

import (
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// Bounds of what is remembered of entries that went into another group. A phone book has
// up to store.MaxEntries, whose ids no cookie holds; with them all it is some 10 MB.
const (
	regroupFor    = time.Hour
	regroupOfUser = 4
	regroupOfAll  = 256
)

// regroup is which groups entries were in.
type regroup struct {
	name  string
	who   aor.AOR
	was   map[string][]int64 // ids by group, "" for none
	until time.Time
}

// regroups remembers the last changes of groups, so that they can be taken back. It does
// not outlive the program. Its zero value is ready.
type regroups struct {
	mu   sync.Mutex
	list []regroup // the oldest first
}

// keep remembers the groups that entries are in, under the name that it returns. The
// oldest make room.
func (m *regroups) keep(who aor.AOR, entries []store.Entry, now time.Time) (name string) {
	was := make(map[string][]int64)
	for _, e := range entries {
		was[e.Group] = append(was[e.Group], e.ID)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = slices.DeleteFunc(m.list, func(r regroup) bool { return now.After(r.until) })
	own := 0
	for _, r := range m.list {
		if r.who == who {
			own++
		}
	}
	if own >= regroupOfUser {
		i := slices.IndexFunc(m.list, func(r regroup) bool { return r.who == who })
		m.list = slices.Delete(m.list, i, i+1)
	}
	if len(m.list) >= regroupOfAll {
		m.list = slices.Delete(m.list, 0, 1)
	}
	name = rand.Text()
	m.list = append(m.list, regroup{name, who, was, now.Add(regroupFor)})
	return name
}

// take returns what was kept under a name for its owner, and forgets it; nil if there is
// nothing, or no more.
func (m *regroups) take(who aor.AOR, name string, now time.Time) (was map[string][]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.list, func(r regroup) bool { return r.who == who && r.name == name && !now.After(r.until) })
	if i < 0 {
		return nil
	}
	was = m.list[i].was
	m.list = slices.Delete(m.list, i, i+1)
	return was
}

// regrouped ends a change of the groups of entries, which are given as they were, and
// offers to take it back.
func (p *Portal) regrouped(w http.ResponseWriter, r *http.Request, to string, note session.Flash, before []store.Entry) {
	note.UndoPath = pathGroups + "/restore"
	note.Undo = map[string]string{fieldBatch: p.regroups.keep(owner(r), before, p.Now())}
	p.doneFlash(w, r, to, note)
}

// GroupsRestore puts entries back into the groups that they were in (POST
// /user/phone-book/groups/restore); those that have been deleted since stay so.
func (p *Portal) GroupsRestore(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	was := p.regroups.take(owner(r), f.Value(fieldBatch), p.Now())
	if was == nil {
		p.done(w, r, pathPhoneBook, view.M("groups.restore_late"))
		return
	}
	n := 0
	for group, ids := range was {
		some, err := p.DB.Phonebook.SetGroup(r.Context(), owner(r), group, ids...)
		if err != nil {
			p.fail(w, r, err)
			return
		}
		n += some
	}
	p.done(w, r, pathPhoneBook, p.counted("groups.restored", n))
}
