package relay

import "time"

// terms are what a request is sent on by. Relay leaves them with the call, and failure routes have them back.
// Reply routes have only the flags, and whether the request is within a dialog (Call.replyRoute); an answer of
// the router's own leaves no more than these, for the accounts (Request.remember).
//
// OnFailure is no part of them: a failure route that is to follow a failure route is armed there.
type terms struct {
	// OnReply is the reply route armed for the transaction, as numbered by the script; 0 is none.
	OnReply int
	Flags   uint32
	// RecordRouted says that record_route was called.
	RecordRouted bool
	// InDialog says that loose_route took a Route of ours whose MAC fits, or that the request has come
	// without a Route and the dialog table has its dialog (Dialogs.Has).
	InDialog bool

	byInitiator bool          // it comes from who began the dialog, by our Route
	secured     bool          // it must not leave TLS, see Secure
	nextAt      uint8         // which entry of the Route it goes along, counted from 1; with a call only within a dialog, else 0
	seal        Seal          // of the Route that made it a request within a dialog
	bounds      bounds        // where that may be sent
	fr, frInv   time.Duration // of the transaction (t_set_fr); 0 for the general ones
}

// wishes are what the script wants of the whole transaction, which has them from its beginning (NewTransaction) and not
// with each Relay: it is told of later ones at once (tellCall), by whichever route, and another one that still runs
// must not take them back. Failure routes have them, too.
type wishes struct {
	forceRPort    bool // see ForceRPort; the way of the replies is found at the beginning, so of a later one it is not told
	noConnect     bool // see ForwardNoConnect
	noConnectBack bool // see ReplyNoConnect
	heedPhones    bool // see HeedPhones
}
