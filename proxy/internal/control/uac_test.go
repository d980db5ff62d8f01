package control

import (
	"context"

	"seraph/ctlproto"
)

// Options is the fake's answer to a ping.
func (f *fakeProxy) Options(_ context.Context, uri string) (int, string, error) {
	return 200, "OK", f.did("options " + uri)
}

// Request takes what is for alice.
func (f *fakeProxy) Request(r UacRequest) (func(context.Context) (UacReply, error), error) {
	err := f.did("request " + r.Method + " " + r.URI + "|" + r.Headers + "|" + r.Body)
	if r.Method == "PRACK" {
		err = ctlproto.InvalidParam("headers", "no way")
	}
	return func(context.Context) (UacReply, error) {
		return UacReply{Status: 200, Reason: "Fine", Target: "sip:alice@192.0.2.1", Routes: []string{"<sip:192.0.2.9;lr>", "<sip:192.0.2.8;lr>"},
			Headers: "To: <sip:alice@example.org>;tag=at\r\nCSeq: 1 " + r.Method + "\r\n"}, nil
	}, err
}

// CancelRequest knows one INVITE.
func (f *fakeProxy) CancelRequest(callID string, seq uint32) bool { return callID == "c1" && seq == 7 }

// HostPort is where the fake is reached.
func (f *fakeProxy) HostPort() string { return "192.0.2.1:5060" }
