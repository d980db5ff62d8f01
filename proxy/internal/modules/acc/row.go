package acc

import (
	"cmp"
	"encoding/binary"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// row is an unpacked row.
type row struct {
	kind                                   kind
	status                                 int
	began, now                             time.Time
	method, callID, fromTag, toTag         string
	fromURI, display, target, callee, text string
	source                                 string
}

// unpack reads one row that appendRow made and returns what follows it.
func unpack(b []byte) (row, []byte) {
	r := row{
		kind: kind(b[0]), status: int(binary.LittleEndian.Uint16(b[1:])),
		began: time.Unix(0, int64(binary.LittleEndian.Uint64(b[3:]))).UTC(),
		now:   time.Unix(0, int64(binary.LittleEndian.Uint64(b[11:]))).UTC(),
	}
	b = b[19:]
	for _, to := range [...]*string{&r.method, &r.callID, &r.fromTag, &r.toTag, &r.fromURI, &r.display, &r.target, &r.callee, &r.text, &r.source} {
		n := int(binary.LittleEndian.Uint16(b))
		*to = string(b[2 : 2+n])
		b = b[2+n:]
	}
	return r, b
}

// accRow is the row of table acc or missed_calls. The destination is the callee's own
// address, where that is known: a phone's contact tells nobody who was called.
func (r *row) accRow() store.AccRow {
	a := store.AccRow{
		Method: r.method, CallID: r.callID, FromTag: r.fromTag, ToTag: r.toTag, Code: r.status, Reason: r.text,
		Time: r.now, SrcIP: r.source,
	}
	if r.kind == kindMissed || r.kind == kindTried {
		a.Time = r.began
	}
	a.SrcUser, a.SrcDomain = userHost(r.fromURI)
	a.DstOUser, a.DstDomain = userHost(r.target)
	a.DstUser = a.DstOUser
	if callee, err := aor.Parse(r.callee, ""); err == nil {
		a.DstUser, a.DstDomain = callee.User, callee.Domain
	}
	return a
}

// call is the row of table call_log; owner is the callee.
func (r *row) call(owner aor.AOR) store.Call {
	c := store.Call{
		CallID: r.callID, FromTag: r.fromTag, CallerURI: r.fromURI, CallerName: sip.DisplayText([]byte(r.display)),
		Callee: owner, TargetURI: r.target, Started: r.began, Ended: r.now, Code: r.status, Reason: r.text,
	}
	c.Caller, _ = aor.Parse(r.fromURI, "") // zero for what is no address of record
	c.Unproven = !r.proven()
	if r.kind == kindAnswered || r.kind == kindProvenAnswer || r.kind == kindTalk {
		c.Answered, c.Ended = r.now, time.Time{}
	}
	if r.kind == kindTalk {
		c.Reason = "OK"
	}
	return c
}

// proven reports whether the caller has shown that the URI in From is his. Of a call that is up the
// source is the address that he has shown to be his.
func (r *row) proven() bool {
	switch r.kind {
	case kindTried, kindFailed, kindProven, kindProvenAnswer:
		return true
	case kindTalk, kindHungUp:
		shown, err := aor.Parse(r.source, "")
		if err != nil {
			return false
		}
		from, err := aor.Parse(r.fromURI, "")
		return err == nil && from == shown
	}
	return false
}

// callOf is the row of table call_log. A caller who has proven nothing is nobody of ours: his call is in
// no list of whom he names, and is no news to that one. Where From is no address of record he is not
// made a name in our domain either: the URI stands in the place of his name.
func (m *Module) callOf(r *row, owner aor.AOR) store.Call {
	c := r.call(owner)
	if !c.Unproven || m.cfg.Local == nil || !m.cfg.Local(aor.AppendCallerHost(nil, r.fromURI)) {
		return c
	}
	if c.Caller.IsZero() {
		c.CallerName, c.CallerURI = cmp.Or(c.CallerName, r.fromURI), ""
	}
	c.Caller = aor.AOR{}
	return c
}

// end is the end of a call that is in call_log.
func (r *row) end(callee aor.AOR) store.CallEnd {
	return store.CallEnd{CallID: r.callID, FromTag: r.fromTag, Callee: callee, Ended: r.now, HungUpBy: r.text, Unproven: !r.proven(), Began: r.began}
}

// owned is the address that may be one of ours: the callee, or what was called where the
// callee is none.
func (r *row) owned() string {
	if r.kind == kindFailed {
		return r.target
	}
	return r.callee
}

// other is the callee of a user of ours who called somebody that is none: the address
// that was called.
func (r *row) other() (aor.AOR, bool) {
	switch r.kind {
	case kindFailed, kindTried, kindProven:
	case kindTalk, kindHungUp:
		if r.source == "" {
			return aor.AOR{}, false
		}
	default:
		return aor.AOR{}, false
	}
	for _, text := range [...]string{r.callee, r.target} {
		if a, err := aor.Parse(text, ""); err == nil {
			return a, true
		}
	}
	return aor.AOR{}, false
}

// userHost takes a URI apart, as far as it has the parts.
func userHost(uri string) (user, host string) {
	var u sip.URI
	if sip.ParseURI([]byte(uri), &u) != nil {
		return "", ""
	}
	if a, err := aor.New(string(u.User), string(u.Host)); err == nil {
		return a.User, a.Domain
	}
	return string(u.User), string(u.Host)
}
