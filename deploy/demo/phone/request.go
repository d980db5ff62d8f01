package phone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// complete adds to a request what every request of this phone bears and what the transport needs.
func (p *Phone) complete(req *sip.Request) {
	via := &sip.ViaHeader{
		ProtocolName:    "SIP",
		ProtocolVersion: "2.0",
		Transport:       "UDP",
		Host:            p.addr.Addr().String(),
		Port:            int(p.addr.Port()),
	}
	via.Params.Add("branch", sip.GenerateBranch())
	via.Params.Add("rport", "")
	forwards := sip.MaxForwardsHeader(70)
	req.PrependHeader(via, &forwards)
	req.AppendHeader(sip.NewHeader("User-Agent", agent))
	if req.Body() == nil {
		req.SetBody(nil)
	}
	req.SetTransport("UDP")
	// Without it sipgo would send from a socket of its own.
	req.Laddr = sip.Addr{IP: net.IP(p.addr.Addr().AsSlice()), Port: int(p.addr.Port())}
}

// contact is the phone's Contact header.
func (p *Phone) contact() *sip.ContactHeader {
	return &sip.ContactHeader{Address: sip.Uri{
		Scheme: "sip", User: p.cfg.User,
		Host: p.addr.Addr().String(), Port: int(p.addr.Port()),
	}}
}

// aor is the phone's address of record.
func (p *Phone) aor() sip.Uri {
	return sip.Uri{Scheme: "sip", User: p.cfg.User, Host: p.cfg.Domain}
}

// do sends a request other than INVITE and waits for its final response.
func (p *Phone) do(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	tx, err := p.ua.TransactionLayer().Request(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.Method, err)
	}
	defer tx.Terminate()
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, fmt.Errorf("%s: %w", req.Method, txErr(tx))
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: no answer: %w", req.Method, ctx.Err())
		}
	}
}

// txErr says why a transaction ended; sipgo gives no error for some ends.
func txErr(tx sip.ClientTransaction) error {
	if err := tx.Err(); err != nil {
		return err
	}
	return sip.ErrTransactionTerminated
}

// respond answers a request; a response that cannot be sent is only logged, the peer will ask again.
func (p *Phone) respond(req *sip.Request, tx sip.ServerTransaction, code int, reason string, headers ...sip.Header) {
	res := sip.NewResponseFromRequest(req, code, reason, nil)
	for _, h := range headers {
		res.AppendHeader(h)
	}
	if err := tx.Respond(res); err != nil && !errors.Is(err, sip.ErrTransactionCanceled) {
		p.log.Debug("response not sent", "code", code, "error", err)
	}
}

// errNoDigest: the challenge cannot be met.
var errNoDigest = errors.New("no digest challenge with an algorithm we know")

// credentials answers the first digest challenge of a 401 or 407 that we can (RFC 8760 §2.4: the
// server lists the best first). It gives the header to add to the repeated request.
func (p *Phone) credentials(req *sip.Request, res *sip.Response) (sip.Header, error) {
	challenge, answer := "WWW-Authenticate", "Authorization"
	if res.StatusCode == sip.StatusProxyAuthRequired {
		challenge, answer = "Proxy-Authenticate", "Proxy-Authorization"
	}
	for _, h := range res.GetHeaders(challenge) {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil {
			continue
		}
		c.Algorithm = strings.ToUpper(c.Algorithm)
		if !digest.CanDigest(c) {
			continue
		}
		cred, err := digest.Digest(c, digest.Options{
			Method:   req.Method.String(),
			URI:      req.Recipient.String(),
			Username: p.cfg.User,
			Password: p.cfg.Password,
			Count:    1,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", challenge, err)
		}
		return sip.NewHeader(answer, cred.String()), nil
	}
	return nil, errNoDigest
}

// challenged is true for a response that asks for credentials.
func challenged(res *sip.Response) bool {
	return res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired
}

// maxChallenges is how often a request is repeated with credentials: once, and once more because
// the nonce may have become stale meanwhile.
const maxChallenges = 2

// closing gives what is still sent while the phone is being switched off its own short time.
func closing() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), hangUpTimeout)
}

// wait returns after d, or false earlier if ctx ends.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
