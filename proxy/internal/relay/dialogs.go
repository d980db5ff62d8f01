package relay

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// ErrOverlong says that an INVITE has a Call-ID, tag or address that is longer than the
// dialog table keeps, or a CSeq that leaves no number for the BYE.
var ErrOverlong = errors.New("Call-ID, tag, From address or CSeq is too long")

// ErrNoDialog says that a request belongs to a dialog that is over, or that it goes
// where its dialog does not lead.
var ErrNoDialog = errors.New("the dialog is over, or does not lead there")

// MaxTag is how long the tags of a dialog may be that the table tracks, in bytes: the accounts have no room for more.
const MaxTag = 128

// overlong reports whether an answer to a tracked INVITE has a longer To tag. No request would find its call in the
// table, neither to acknowledge nor to end it, so it is no answer (RFC 3261 §21.5.3).
func (c *Call) overlong(m *sip.Message) bool {
	if !c.tracked {
		return false
	}
	to, err := m.To()
	return err == nil && len(to.Tag) > MaxTag
}

// Dialogs is the table of the dialogs that pass here (module dialog). It returns at
// once and keeps nothing of what it is given.
type Dialogs interface {
	// Begin tells, under the call's lock, of an INVITE outside of our dialogs, with a To tag or
	// without, that is about to be sent on with our Record-Route. False: its dialog is not
	// tracked. An error keeps the INVITE from being sent.
	Begin(r *Request, c *Call) (bool, error)
	// Moved tells, under the call's lock, of a tracked INVITE that is about to be sent on
	// once more, that its dialog is counted as r.HandLoad says from now on.
	Moved(r *Request, c *Call)
	// Replied tells, under the call's lock, of a response that goes up: a provisional
	// one with a To tag or a 2xx to a tracked INVITE, each 2xx once for each To tag;
	// or a 2xx to a request within a dialog. m is the response to b as received, from
	// where it came.
	Replied(c *Call, b *Branch, m *sip.Message, from transport.Flow)
	// Over tells, under the call's lock, that a tracked INVITE or a request within a
	// dialog got a final reply that is no 2xx, or an INVITE a 2xx without a To tag.
	// 0: it ends without a reply.
	Over(c *Call, status int)
	// Has reports whether a request that has come without a Route is one within a dialog of the
	// table, by its tags.
	Has(r *Request) bool
	// Within is asked before a request within a dialog is sent on, and says which hosts
	// it may be sent to. It is not sent on if that gives an error.
	Within(r *Request) (Reach, error)
	// Hosts are those where the two ends of a request's dialog are and were, as far as the
	// table knows it. Zero ones are none.
	Hosts(r *Request) [MaxHosts]netip.Addr
}

// MaxHosts is how many hosts a dialog may have.
const MaxHosts = 10

// Seal is what our Record-Route says of itself.
type Seal struct {
	Kind   SealKind
	Minted time.Time // in sealUnits, later than this process began if it is of this one

	ends [2]endMark // where the request came from that it was written into, and went
}

// SealKind says what the dialog is that a Record-Route was given for.
type SealKind byte

// The kinds; a letter of the token each.
const (
	SealTracked   SealKind = 't' // of an INVITE; the dialog table knows it
	SealUntracked SealKind = 'u' // of an INVITE that the table has no room for
	SealOther     SealKind = 's' // of a SUBSCRIBE or REFER, which make dialogs of their own
)

func (k SealKind) known() bool { return k == SealTracked || k == SealUntracked || k == SealOther }

// Seal is that of the Route by which loose_route found the request to be within a
// dialog; the zero Seal before.
func (r *Request) Seal() Seal { return r.seal }

// NextRoute is the Route after ours, a URI; nil if the request goes to its
// Request-URI.
func (r *Request) NextRoute() []byte { return r.nextRoute }

// Loose reports whether no strict router stands in the rest of the Route. Its entry, which is
// the sender's word, becomes the Request-URI (RFC 3261 §16.6 step 6), here or further on.
func (r *Request) Loose() bool {
	if r.nextRoute == nil {
		return true
	}
	begun := false
	for values := r.Msg.Values(sip.HdrRoute); ; {
		value := values.Next()
		if value == nil {
			return begun
		}
		var a sip.NameAddr
		var u sip.URI
		if sip.ParseNameAddr(value, &a) != nil || len(a.URI) == 0 || sip.ParseURI(a.URI, &u) != nil {
			return false
		}
		if begun = begun || &a.URI[0] == &r.nextRoute[0]; !begun {
			continue // ours
		}
		if _, lr := u.Param("lr"); !lr {
			return false
		}
	}
}

// Led reports whether the dialog table has found that a request within a dialog goes to the
// other end.
func (c *Call) Led() bool { return c.bounds.reach.Led }

// ManagesDialog reports whether the script has called dlg_manage for a tracked INVITE.
func (c *Call) ManagesDialog() bool { return c.managed }

// BetweenEnds reports whether a request within a dialog came from the end that it names and went to
// the other one, as far as that is known: the dialog table knows the dialog, or by the Route it came
// from the one host and went to the other. Of a dialog of this process that the table does not know
// (any more) nothing is known.
func (c *Call) BetweenEnds() bool {
	b := &c.bounds
	switch {
	case b.reach.Known || b.reach.Led:
		return true
	case !b.reach.Sealed || b.near == 0 || c.engine.mark(c.from.Remote.Addr()) != b.near:
		return false
	}
	for _, x := range c.branches {
		if c.engine.mark(x.SentTo()) != b.far {
			return false
		}
	}
	return true
}

// InDialog reports whether the request is within a dialog: it came along a Route of ours, or without one
// and has the tags of a dialog of the table.
func (c *Call) InDialog() bool { return c.terms.InDialog }

// Identity is who sent the request, if the script asked for a proof.
func (c *Call) Identity() Identity { return c.auth }

// IsGateway reports whether a host is a gateway; false as long as some gateway's address is not
// known, and every host may be one.
func (c *Call) IsGateway(a netip.Addr) bool {
	return c.engine.cfg.Gateway != nil && c.engine.knowsGateways() && c.engine.isGateway(a.Unmap())
}

// OurRoute reports whether a value of Route or Record-Route was written here.
func (e *Engine) OurRoute(value []byte) bool {
	var a sip.NameAddr
	var u sip.URI
	return sip.ParseNameAddr(value, &a) == nil && sip.ParseURI(a.URI, &u) == nil && e.ourRoute(&u)
}

// sealKind is the kind of the Record-Route of a request that is written now. 0: the request
// makes no dialog (RFC 3261 §12.1, RFC 6665 §4.1, RFC 3515 §2.4.4), and gets none. Phones copy
// it into the 200 to any request, and whoever asked one whether it is there (OPTIONS) would
// have a way to it for what a subscription allows.
func (r *Request) sealKind() SealKind {
	m := r.Msg.Method
	switch {
	case r.InDialog:
		return r.seal.Kind // none where the request came without our Route
	case !opensDialog(m):
		return 0
	case m != sip.INVITE:
		return SealOther
	case r.Call != nil && r.Call.tracked:
		return SealTracked
	}
	return SealUntracked
}

// track enters the dialog that an INVITE may begin, which is any that is in no dialog of ours: a To
// tag alone says nothing, its sender may have made it up. The user agent's own are its own, unless
// they are somebody's call.
func (r *Request) track(c *Call) error {
	d := r.Engine.cfg.Dialogs
	if d != nil && c.tracked && r.moves() {
		d.Moved(r, c)
	}
	if r.load != nil && !r.RecordRouted && !c.tracked && !r.InDialog {
		r.Engine.uncounted.Do(func() {
			r.Engine.Log.Warn("calls are not counted for their gateways: the script sends them on without record_route", "call_id", string(r.Msg.CallID()))
		})
	}
	if d == nil || c.tracked || c.method != sip.INVITE || r.InDialog || r.Local != nil && !r.Local.Accounted || !r.RecordRouted {
		return nil
	}
	var err error
	c.managed = r.ManageDialog
	c.tracked, err = d.Begin(r, c)
	return err
}

// within asks whether a request within a dialog may be sent on, and where to. One that a
// failure route sends on once more was asked for already.
func (r *Request) within() error {
	if r.route == inFailure {
		return nil
	}
	r.bounds = bounds{set: true, near: r.seal.ends[1], far: r.seal.ends[0], named: r.Msg.Method != sip.INVITE || r.vouchedFor && r.Loose()}
	if r.byInitiator {
		r.bounds.near, r.bounds.far = r.bounds.far, r.bounds.near
	}
	d := r.Engine.cfg.Dialogs
	if d == nil {
		r.bounds.reach.Sealed = true
		return nil
	}
	reach, err := d.Within(r)
	r.bounds.set, r.bounds.reach = !reach.Anywhere || r.Engine.cfg.Gateway != nil, reach
	return err
}

// maxTags bounds the 2xx with different To tags that make a dialog each: the dialog table has as many
// records for a Call-ID. The ACK of one more does not pass, so that who has sent it hangs up (RFC 3261
// §13.3.1.4).
const maxTags = 16

// opens reports whether a response begins something, see newTag, for who wants to know: the dialog table
// of a call that it tracks, the accountant of every 2xx.
func (c *Call) opens(m *sip.Message) bool {
	switch {
	case m.Status <= 100 || m.Status >= 300 || c.method != sip.INVITE || c.terms.InDialog:
		return false
	case !c.tracked && (m.Status < 200 || c.engine.cfg.Accountant == nil):
		return false
	}
	return c.newTag(m)
}

// noteReply tells the dialog table of a response that goes up.
func (c *Call) noteReply(b *Branch, m *sip.Message, from transport.Flow, opens bool) {
	d := c.engine.cfg.Dialogs
	switch {
	case d == nil || m.Status <= 100 || m.Status >= 300:
	case c.tracked:
		if opens {
			d.Replied(c, b, m, from)
		} else if to, err := m.To(); m.Status >= 200 && err == nil && len(to.Tag) == 0 {
			d.Over(c, m.Status) // no dialog can come of that
		}
	case c.terms.InDialog && m.Status >= 200 && !c.bounds.reach.SentBack:
		d.Replied(c, b, m, from)
	}
}

// newTag reports whether a response begins something: it has a To tag, and no 2xx
// with that has gone up before.
func (c *Call) newTag(m *sip.Message) bool {
	to, err := m.To()
	if err != nil || len(to.Tag) == 0 {
		return false
	}
	tag := maphash.Bytes(c.engine.tagSeed, to.Tag)
	for _, seen := range c.tags[:c.tagCount] {
		if seen == tag {
			return false
		}
	}
	if m.Status < 200 {
		return true
	}
	if c.tagCount == maxTags {
		return false
	}
	c.tags[c.tagCount] = tag
	c.tagCount++
	return true
}

// noteOver tells the dialog table of a final reply that is no 2xx, or of the end
// without one.
func (c *Call) noteOver(status int) {
	if d := c.engine.cfg.Dialogs; d != nil && !c.answered && (c.tracked || c.terms.InDialog && !c.bounds.reach.SentBack) {
		d.Over(c, status)
	}
}
