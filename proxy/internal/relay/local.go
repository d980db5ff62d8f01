package relay

import (
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// Local is the router's own user agent as the sender of a request: the identity
// that it speaks for, and where the responses go.
type Local struct {
	User, Domain []byte // canonical
	// Replied takes each response; msg is valid during the call, which is made
	// under the call's lock and so must not call back into the relay.
	Replied func(status int, msg []byte)
	// From is, during Replied, the flow that the response came on, the zero Flow
	// for a script's own. For a final response that is not a 2xx it only says
	// that some element has answered.
	From transport.Flow
	// Bound says, during Replied, that lookup found a binding for the request
	// and it was sent on.
	Bound bool
	// Said is, during Replied, what the branches have come to so far, beside a 2xx: each one's final status,
	// and for one that gave none what that counts as, 408 if it said nothing, 480 or 503 if it was not to be
	// reached. A branch whose place another has taken (the next host, another flow of the phone, the contact of
	// a 3xx, credentials) does not count. It holds for all the times that the request was sent on.
	Said sip.StatusSet
	// Contact, if not empty, is the only contact that lookup is to find, with the other flows of its phone: its URI
	// as it stands, or its ruid.
	Contact []byte
	// Accounted says that this is a call of the identity's own: it stands in the
	// accounts, as the controller's leg of a click-to-dial does not.
	Accounted bool
	// NoRules says that the call rules of who is called do not hold (module userblock): he has it sent
	// himself, as his leg of a click-to-dial and what is stored for him are, or the operator has.
	NoRules bool

	call *Call
}

// LocalReply is the server transaction's call.
func (l *Local) LocalReply(status int, msg []byte) { l.Replied(status, msg) }

// Inject runs the script on an initial request of the router's own user agent,
// as if it had been received. msg belongs to the relay until Inject returns.
func (e *Engine) Inject(msg []byte, l *Local) error {
	w := e.layer.Detached()
	defer e.layer.Release(w)
	r := w.Scratch().(*Request)
	if err := r.own.Parse(msg); err != nil {
		return err
	}
	r.reset(w, &r.own, transport.Flow{Proto: transport.Local})
	r.Local = l
	r.Auth = Identity{l.User, l.Domain}
	key, err := e.txns.KeyOf(r.Msg)
	if err != nil {
		return err
	}
	r.key = key
	err = r.runLocal()
	r.finishCall()
	return err
}

// Cancel cancels an INVITE that Inject sent; extra holds header lines for the
// CANCELs, each ending in CRLF.
func (e *Engine) Cancel(key txn.Key, extra []byte) bool {
	srv := e.txns.FindServer(key)
	if srv == nil {
		return false
	}
	c := srv.Cell()
	c.Lock()
	if call, ok := srv.Owner().(*Call); ok {
		call.cancel(e.layer, extra)
		call.settle(e.layer)
	}
	c.Unlock()
	srv.Owner().Unlocked(nil)
	c.Unref()
	return true
}

// Key returns the key of the call's server transaction, by which Cancel finds it.
func (c *Call) Key() txn.Key { return c.server.Key() }

// Table is the transaction table, for the router's own user agent.
func (e *Engine) Table() *txn.Table { return e.txns }

// Layer is where the user agent's own messages go out.
func (e *Engine) Layer() *transport.Layer { return e.layer }
