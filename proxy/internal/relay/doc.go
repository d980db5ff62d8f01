// Package relay is the proxy's behaviour (RFC 3261 §16): it takes messages from
// the transport, hands requests to the script, and on the script's word sends
// them on in branches, returns the best reply, cancels, and follows routes.
//
// A request that is only forwarded costs no allocation: its Call and Branches
// come from free lists and go back when their transactions have ended.
package relay
