package ua

import (
	"context"
	"errors"
	"fmt"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
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
}

// submit sends a request outside any dialog through the script, with an identity, and
// waits for the final response. The transaction ends by itself after 64·T1.
func (a *Agent) submit(ctx context.Context, msg []byte, user, domain string) (Answer, error) {
	var m sip.Message
	if err := m.Parse(msg); err != nil {
		return Answer{}, errors.Join(ErrBadAddress, err)
	}
	key, err := a.table.KeyOf(&m)
	if err != nil {
		return Answer{}, err
	}
	final := make(chan Answer, 1)
	err = a.router.Submit(msg, []byte(user), []byte(domain), func(status int, msg []byte, from transport.Flow, bound bool) {
		if status < 200 {
			return
		}
		var m sip.Message
		_ = m.Parse(msg)
		select {
		case final <- Answer{Status: status, Reason: cleanText(m.Reason()), Bound: bound, Relayed: !from.IsZero()}:
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

// appendHead writes the start of a request outside any dialog. It has no Contact: a
// dialog is not what it begins.
func (a *Agent) appendHead(dst []byte, method, to, from, callID string) []byte {
	dst = append(dst, method+" "+to+" SIP/2.0\r\nVia: SIP/2.0/"...)
	dst = append(dst, a.socket.Via...)
	dst = append(dst, ";branch="+sip.MagicCookie+userPrefix+random(12)+"\r\nMax-Forwards: 70\r\nFrom: "...)
	return append(dst, from+";tag="+random(8)+"\r\nTo: <"+to+">\r\nCall-ID: "+callID+"\r\nCSeq: 1 "+method+
		"\r\nUser-Agent: "+a.cfg.Name+"\r\n"...)
}
