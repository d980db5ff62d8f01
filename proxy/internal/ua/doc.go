// Package ua is the router's own user agent: it calls a phone through the router
// itself, keeps the dialog (RFC 3261 §12), hands the phone on with REFER and
// hears how that went (RFC 3515). Click-to-dial is built on it.
//
// An initial request is injected into the relay and runs the script like one
// from the network. ACK, REFER and BYE are the agent's own: they go along the
// dialog's route set less the router's own entry, and where that is empty to the
// flow of the dialog's last message, so that a phone behind NAT is reached.
// Requests of the phone come back by Agent.Handle, before the script.
//
// A Call decides under its mutex, which is a leaf: nothing is called with it
// held. What has to be done, sending and telling the user, is queued in a Serial
// and done in order without any lock. So a response may be taken under the lock
// of the relay's call, and the user of a Call may call it from its own events.
//
// A digest challenge is never answered: a phone could otherwise collect the
// digest of somebody else's password.
package ua
