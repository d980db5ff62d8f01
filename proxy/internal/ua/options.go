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
	if !canWrite(uri) {
		return Answer{}, ErrBadAddress
	}
	from := "<sip:" + optionsUser + "@" + string(a.socket.HostPort) + ">"
	msg := a.appendHead(nil, "OPTIONS", uri, from, NewCallID())
	msg = append(msg, "Accept: application/sdp\r\nContent-Length: 0\r\n\r\n"...)
	return a.submit(ctx, msg, optionsUser, a.socket.AdvertisedHost)
}
