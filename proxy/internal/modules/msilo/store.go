package msilo

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
	"seraph/sql/store"
)

const (
	// storeTimeout bounds the wait for the commit.
	storeTimeout = 2 * time.Second
	// maxBody bounds a stored body, so that it can be delivered with the headers of
	// then, in bytes.
	maxBody = 32 << 10
	// awayPeriod is how often it is said that strangers' messages meet no database.
	awayPeriod = time.Minute
	// maxKept bounds the header lines that are kept with a body.
	maxKept = 4096
)

// reason is why a message is not stored. The sender learns only that it is not.
type reason string

// Error implements error.
func (r reason) Error() string { return string(r) }

// The reasons that are no fault of the database's.
const (
	errNotStored reason = "it is one that this module sends itself"
	errNoBody    reason = "it has no body"
	errLongBody  reason = "its body is larger than 32 KiB"
	errType      reason = "its Content-Type is missing or bad"
	errExpires   reason = "it expires at once"
	errSender    reason = "its From is no address"
	errOwner     reason = "it is for nobody who could have messages"
	errForeign   reason = "its sender is not authenticated, and store_foreign is off"
	errQuota     reason = "too many messages of strangers came from this address"
	errKept      reason = "its headers about the body are too large"
	errComposing reason = "it only says that somebody is writing"
	errWaiters   reason = "too many requests wait for the database"
	errReceipt   reason = "it is a delivery receipt, and store_receipts is off"
	errSendTime  reason = "the time at which it is to be sent is no time like 20261231235959"
	errSendLate  reason = "the time at which it is to be sent is more than a year away"
	errTooLate   reason = "it expires before it is to be sent"
)

// store is m_store.
func (m *Module) store(c *module.Ctx, whom owner) int {
	r := &c.Request
	if !m.on || r.Msg.Method != sip.MESSAGE {
		return module.False
	}
	msg, err := m.read(c, whom)
	if err == nil {
		err = m.admit(r)
	}
	if err == nil && !r.Park() {
		err = errWaiters
	}
	if err == nil {
		err = m.commit(msg, known(r))
	}
	if err != nil {
		m.refuse(r, err)
		return module.False
	}
	m.stored.Add(1)
	m.owners.add(msg.Owner.String())
	m.news.add(msg.Owner)
	m.notify(c, &msg)
	if msg.SendAt.After(m.cfg.Now()) {
		m.reminders.set(msg.SendAt)
		return module.True
	}
	m.deliverBack(c, msg.Owner)
	return module.True
}

// deliverBack begins the delivery of what was stored just now if a phone has come back
// since the script looked for one: nobody would begin it before the next REGISTER, and
// later messages would go to the phone before it.
func (m *Module) deliverBack(c *module.Ctx, owner aor.AOR) {
	address := owner.String()
	if !m.cfg.Locations.Settled(address) && m.dumps.expect(address) {
		m.Released(address) // else when the change is durable
		return
	}
	if m.reachableSince(owner, triedAt(c)) > 0 {
		m.dumps.start(owner)
	}
}

// triedAt is when the phones were looked for that have been tried in vain: in a failure
// route only those count that have registered since. The zero time: none was tried.
func triedAt(c *module.Ctx) time.Time {
	if c.Route != module.FailureRoute || c.Call == nil {
		return time.Time{}
	}
	return c.Call.Began()
}

// refuse counts a message that is not stored, and logs it: of strangers', who could send
// any number of them, one in a period.
func (m *Module) refuse(r *relay.Request, err error) {
	m.refusedToStore.Add(1)
	level, gate, period := slog.LevelInfo, &m.told, m.set.foreignPeriod
	var own reason
	if !errors.As(err, &own) && store.IsUnavailable(err) {
		level, gate, period = slog.LevelWarn, &m.toldAway, awayPeriod
	}
	foreign := !known(r)
	if foreign {
		m.foreignRefused.Add(1)
	}
	if !m.cfg.Log.Enabled(context.Background(), level) || foreign && !gate.Pass(m.cfg.Now(), period, 1) {
		return
	}
	m.cfg.Log.Log(context.Background(), level, "msilo: message not stored", "error", err, "source", r.From.Remote,
		"call_id", string(r.Msg.CallID()), "refused_to_strangers", m.foreignRefused.Load())
}

// commit waits for the database. A sender who is not known may fill a part of the
// store only.
func (m *Module) commit(msg store.SiloMessage, known bool) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if known {
		_, err = m.cfg.Silo.Add(ctx, msg, m.set.maxMessages)
	} else {
		_, err = m.cfg.Silo.AddForeign(ctx, msg, m.set.maxMessages, m.set.maxForeign)
	}
	return err
}

// known reports whether the sender has shown who he is.
func known(r *relay.Request) bool { return r.Local != nil || len(r.Auth.User) > 0 }

// read makes of a MESSAGE what is stored.
func (m *Module) read(c *module.Ctx, whom owner) (store.SiloMessage, error) {
	req := c.Msg
	s := store.SiloMessage{Received: m.cfg.Now().UTC(), Body: req.Body(), CallID: string(req.CallID())}
	s.ContentType = sip.Unfold(req.HeaderValue(sip.HdrContentType))
	switch {
	case m.own.has(req.CallID()):
		return s, errNotStored
	case len(s.Body) == 0:
		return s, errNoBody
	case len(s.Body) > maxBody:
		return s, errLongBody
	case !goodType(s.ContentType):
		return s, errType
	case composing(s.ContentType):
		return s, errComposing
	case !m.set.storeReceipts && receipt(s.ContentType, s.Body):
		return s, errReceipt
	}
	if err := m.times(c, &s); err != nil {
		return s, err
	}
	from, err := req.From()
	if err != nil || !goodURI(from.URI) {
		return s, errSender
	}
	s.From, s.FromName = string(from.URI), sip.DisplayText(from.Display)
	if s.Owner, s.To, err = m.owner(c, whom); err != nil {
		return s, err
	}
	extra := ""
	if m.set.extraHdrs.format != nil {
		extra = m.set.extraHdrs.lines(c) // of this request; what is fixed is added when it is sent
	}
	s.ExtraHeaders, err = kept(req, extra)
	return s, err
}

// times fills in when a message is to be sent and how long it is kept: from when it
// came, or from when it is to be sent if that is later, but not beyond its Expires.
func (m *Module) times(c *module.Ctx, s *store.SiloMessage) (err error) {
	if s.SendAt, err = m.sendAt(c); err != nil {
		return err
	}
	s.Expires = s.Received.Add(m.set.expireTime)
	if s.SendAt.After(s.Received) {
		s.Expires = s.SendAt.Add(m.set.expireTime)
	}
	own, ok := expires(c.Msg)
	switch {
	case ok && own <= 0:
		return errExpires
	case ok && s.Received.Add(own).Before(s.Expires):
		s.Expires = s.Received.Add(own)
	}
	if !s.SendAt.IsZero() && !s.Expires.Truncate(time.Second).After(s.SendAt) {
		return errTooLate
	}
	return nil
}

// expires is the time that a message gives itself; false without a number (RFC 3261
// §20.19).
func expires(req *sip.Message) (time.Duration, bool) {
	h := req.Header(sip.HdrExpires)
	if h == nil {
		return 0, false
	}
	n, ok := sip.ParseUint(req.Value(h), math.MaxUint32)
	return time.Duration(n) * time.Second, ok
}

// admit decides about senders who have not shown who they are.
func (m *Module) admit(r *relay.Request) error {
	switch {
	case known(r):
		return nil
	case !m.set.storeForeign:
		return errForeign
	}
	if key := module.QuotaKey(r.From.Remote.Addr()); !m.quota.Take(key[:], m.cfg.Now()) {
		return errQuota
	}
	return nil
}

// keptFields are the headers without which a body cannot be read, or read rightly.
var keptFields = [...]string{"Content-Encoding", "Content-Language", "Content-Disposition", "MIME-Version", "Subject", "Priority", "Reply-To", "In-Reply-To"}

// kept returns the header lines that are delivered with the body, extra before the
// message's own.
func kept(req *sip.Message, extra string) (string, error) {
	if len(extra) > maxKept {
		return "", errKept
	}
	var b strings.Builder
	b.WriteString(extra)
	for _, name := range keptFields {
		h := req.Named(name)
		if h == nil {
			continue
		}
		value := req.Value(h)
		if len(value) == 0 || bytes.ContainsAny(value, "\x00") {
			continue
		}
		b.WriteString(name + ": " + sip.Unfold(value) + "\r\n")
		if b.Len() > maxKept {
			return "", errKept
		}
	}
	return b.String(), nil
}

// composing reports whether a message says "is composing" (RFC 3994), which is out of
// date before it could be delivered.
func composing(contentType string) bool { return kindOf(contentType) == typeComposing }

// goodType reports whether text is a media type: ASCII with a slash.
func goodType(text string) bool {
	if len(text) == 0 || len(text) > 1024 {
		return false
	}
	for _, c := range text {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	slash := strings.IndexByte(text, '/')
	end := strings.IndexAny(text, "; ")
	if end < 0 {
		end = len(text)
	}
	return slash > 0 && slash < end-1
}

// goodURI reports whether a sender's URI can be written into a message of ours and is
// not too long for the table.
func goodURI(uri []byte) bool {
	var u sip.URI
	if len(uri) > 255 || sip.ParseURI(uri, &u) != nil || u.Scheme == sip.SchemeOther {
		return false
	}
	for _, c := range uri {
		if c <= ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}
