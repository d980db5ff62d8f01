package control

import (
	"context"
	"fmt"

	"seraph/ctlproto"
)

// Options is the fake's answer to a ping.
func (f *fakeProxy) Options(_ context.Context, uri string) (int, string, error) {
	return 200, "OK", f.did("options " + uri)
}

// Request takes what is for alice.
func (f *fakeProxy) Request(r UacRequest) (UacPending, error) {
	err := f.did("request " + r.Method + " " + r.URI + "|" + r.Headers + "|" + r.Body)
	if r.Method == "PRACK" {
		err = ctlproto.InvalidParam("headers", "no way")
	}
	return fakePending{f, r.Method}, err
}

// fakePending is a request of the fake's. If the fake rings, it has no answer before that ends.
type fakePending struct {
	f      *fakeProxy
	method string
}

func (p fakePending) Wait(ctx context.Context) (UacReply, error) {
	if p.f.rings != nil {
		select {
		case <-p.f.rings:
		case <-ctx.Done():
			p.HangUp()
			return UacReply{}, fmt.Errorf("no answer: %w", ctx.Err())
		}
	}
	return UacReply{Status: 200, Reason: "Fine", Target: "sip:alice@192.0.2.1", Routes: []string{"<sip:192.0.2.9;lr>", "<sip:192.0.2.8;lr>"},
		Headers: "To: <sip:alice@example.org>;tag=at\r\nCSeq: 1 " + p.method + "\r\n"}, nil
}

func (p fakePending) HangUp() { _ = p.f.did("hang up") }

// CancelRequest knows one INVITE.
func (f *fakeProxy) CancelRequest(callID string, seq uint32) bool { return callID == "c1" && seq == 7 }

// HostPort is where the fake is reached.
func (f *fakeProxy) HostPort() string { return "192.0.2.1:5060" }
