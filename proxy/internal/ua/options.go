package ua

import "context"

// optionsUser is the user part of the router's own address.
const optionsUser = "router"

// Options asks an address what it can (RFC 3261 §11), through the script, and
// waits for the final response. The sender is the router itself. ErrBadAddress
// says that the request cannot be written, ErrDropped that the script did nothing
// with it; the error holds that of ctx if that ended first.
func (a *Agent) Options(ctx context.Context, uri string) (Answer, error) {
	if a.socket == nil {
		return Answer{}, ErrNotAttached
	}
	return a.ask(ctx, &outside{
		method: "OPTIONS", to: uri, from: "sip:" + optionsUser + "@" + string(a.socket.HostPort), callID: NewCallID(),
		user: optionsUser, domain: a.socket.AdvertisedHost, noRules: true, headers: "Accept: application/sdp\r\n",
	})
}
