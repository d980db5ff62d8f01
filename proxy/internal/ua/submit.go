package ua

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// Answer is the final response to a request outside any dialog.
type Answer struct {
	Status int
	Reason string // at most 128 bytes of printable text
	// Bound says that the request was sent on to bindings of its address.
	Bound bool
	// Relayed says that another element has answered. Without it, nobody has, or
	// the script answers by itself.
	Relayed bool
	// Said is what the bindings have come to, whatever the answer is: each one's final status other than a 2xx,
	// 408 for one that said nothing, 480 or 503 for one that was not to be reached. It is empty where the request
	// was sent to nobody.
	Said sip.StatusSet
	// Challenge is what a 401 or 407 to a Within asks for.
	Challenge Challenge
}

// Challenge is what a request was challenged with.
type Challenge struct {
	// URI is the Request-URI that the request was sent with, and Addr the address that it was
	// sent to. By what name that was found does not count: who is hung up has chosen it.
	URI  string
	Addr netip.AddrPort
	// Lines are the WWW-Authenticate and Proxy-Authenticate lines, each ending in CRLF.
	Lines string
}

// outside is a request outside any dialog, as ask sends it.
type outside struct {
	method             string
	to, from, fromName string // URIs, and the name beside the sender's
	callID             string
	user, domain       string // the identity with which the script runs, canonical
	noRules            bool   // see Identity
	headers            string // further lines, each ending in CRLF
	body               []byte
	limit              int           // of the whole request as it leaves the router, in bytes; 0 is what a datagram can hold
	sent               *atomic.Int64 // counts those that were written, may be nil
}

// ask sends a request outside any dialog through the script and waits for the final
// response. The transaction ends by itself after 64·T1.
func (a *Agent) ask(ctx context.Context, p *outside) (Answer, error) {
	if a.socket == nil {
		return Answer{}, ErrNotAttached
	}
	msg, err := a.appendOutside(nil, p)
	if err != nil {
		return Answer{}, err
	}
	if p.sent != nil {
		p.sent.Add(1)
	}
	var m sip.Message
	if err := m.Parse(msg); err != nil {
		return Answer{}, errors.Join(ErrBadAddress, err)
	}
	key, err := a.table.KeyOf(&m)
	if err != nil {
		return Answer{}, err
	}
	final := make(chan Answer, 1)
	err = a.router.Submit(msg, Identity{User: []byte(p.user), Domain: []byte(p.domain), NoRules: p.noRules}, func(status int, msg []byte, from transport.Flow, bound bool, said sip.StatusSet) {
		if status < 200 {
			return
		}
		var m sip.Message
		_ = m.ParseOwn(msg)
		select {
		case final <- Answer{Status: status, Reason: cleanText(m.Reason()), Bound: bound, Relayed: !from.IsZero(), Said: said}:
		default:
		}
	})
	if err != nil {
		return Answer{}, fmt.Errorf("request not sent: %w", err)
	}
	// A script may end without a word. Every final reply comes before the transaction
	// leaves the table, so without one now none will come.
	srv := a.table.FindServer(key)
	if srv == nil {
		select {
		case answer := <-final:
			return answer, nil
		default:
			return Answer{}, ErrDropped
		}
	}
	srv.Cell().Unref()
	select {
	case answer := <-final:
		return answer, nil
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("no answer: %w", ctx.Err())
	}
}

// appendOutside writes the request. It has no Contact: a dialog is not what it begins
// (for MESSAGE RFC 3428 §4).
func (a *Agent) appendOutside(dst []byte, p *outside) ([]byte, error) {
	if !canWrite(p.to) || !canWrite(p.from) {
		return nil, ErrBadAddress
	}
	dst = append(dst, p.method+" "+p.to+" SIP/2.0\r\nVia: SIP/2.0/"...)
	dst = append(dst, a.socket.Via...)
	dst = append(dst, ";branch="+sip.MagicCookie+userPrefix+random(12)+"\r\nMax-Forwards: 70\r\nFrom: "...)
	dst = append(dst, quoteName(p.fromName)+"<"+p.from+">;tag="+random(8)+"\r\nTo: <"+p.to+">\r\nCall-ID: "+p.callID+"\r\nCSeq: 1 "+p.method+
		"\r\nUser-Agent: "+a.cfg.Name+"\r\n"...)
	dst = append(dst, p.headers...)
	dst = append(dst, "Content-Length: "...)
	dst = sip.AppendUint(dst, uint64(len(p.body)))
	dst = append(append(dst, "\r\n\r\n"...), p.body...)
	if p.limit > 0 && len(dst)+a.relayed() > p.limit || len(dst) > sip.MaxSize {
		return nil, ErrMessageTooLarge
	}
	return dst, nil
}

// contactRoom is by how much a phone's contact may be longer than its address, in bytes:
// it becomes the Request-URI.
const contactRoom = 64

// relayed is how much larger a request leaves the router than it is written, in bytes: by
// a second Via, the header of a fork, and the contact.
func (a *Agent) relayed() int {
	longest := 0
	for _, s := range a.net.Sockets() {
		longest = max(longest, len(s.Via))
	}
	var branch [32]byte
	return len("Via: SIP/2.0/;branch=\r\n") + longest + len(txn.AppendBranch(branch[:0], txn.StatefulMark, 0)) + len("Max-Breadth: 60\r\n") + contactRoom
}
