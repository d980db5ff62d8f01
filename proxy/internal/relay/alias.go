package relay

import (
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// aliasParam, in our own Via, invites the peer to send us its requests over the connection
// that this one goes by (RFC 5923 §5). It stands there only on a TLS connection that we
// have opened and shown a certificate on: a peer that looked at nothing would otherwise
// send our calls to whoever writes our name into a Via. Over TCP nobody can prove
// anything, and the RFC has connections used again over TLS alone (§8.1, §9); a
// connection that the peer has opened is used again without asking.
var aliasParam = []byte(";alias")

// TCPAlias lets what goes to a port of the sender's host, its Via's if port is 0, take the
// connection that the request came over (SER's force_tcp_alias). Over TLS that is so for the
// domains that the sender's certificate proves. False if it came over no connection, if it
// proves nothing, or if another connection goes there already.
func (r *Request) TCPAlias(port uint16) bool {
	if port == 0 {
		v, err := r.Msg.Via()
		if err != nil || !r.Msg.IsRequest {
			return false
		}
		if port = v.Port; port == 0 {
			port = r.From.Proto.DefaultPort()
		}
	}
	return r.Engine.layer.Alias(r.From, port)
}

// acceptAlias honours the parameter alias of a Via (RFC 5923 §5): of a peer whose
// certificate was verified, for whom that proves, or over TCP of everybody where the operator
// says so. Whoever shares an address with another host could otherwise have that one's calls
// sent to himself.
func (e *Engine) acceptAlias(r *Request) {
	if p := r.From.Proto; p != transport.TCP && p != transport.TLS {
		return
	}
	v, err := r.Msg.Via()
	if err != nil || !hasParam(v.Params, "alias") || !e.cfg.AcceptAliases && !e.layer.PeerCertificate(r.From) {
		return
	}
	r.TCPAlias(0)
}

// hasParam reports whether a list of parameters holds one of that name.
func hasParam(params []byte, name string) bool {
	for len(params) > 0 {
		key, _, rest := sip.NextParam(params)
		if sip.EqualFold(key, name) {
			return true
		}
		params = rest
	}
	return false
}
