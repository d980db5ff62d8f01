package uac

import (
	"context"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RFC 3261 §22.4
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"log/slog"
	"net/netip"
	"slices"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// triedAVP counts how often a gateway's challenge was answered for a request.
const triedAVP = "uac:tried"

// maxAnswers bounds it: what a gateway says three times is no.
const maxAnswers = 3

// authorize is uac_auth.
func (m *Module) authorize(c *module.Ctx) int {
	asked, err := c.Challenged()
	if err != nil {
		return module.False
	}
	tried := c.AVP(triedAVP).Num
	answer, why := m.answer(c.Msg.MethodText(), &asked, tried)
	if why == "" && c.Authorize(answer) != nil {
		why = "no room for another branch"
	}
	if !m.note(&asked, why, "call_id", c.Msg.CallID()) {
		return module.False
	}
	c.SetAVP(triedAVP, module.Number(tried+1))
	return module.True
}

// Answer makes the header line with the credentials for a request of the router's own, which
// was answered tried times before; false if there is none.
func (m *Module) Answer(method string, asked *relay.Challenge, tried int) (line string, ok bool) {
	text, why := m.answer([]byte(method), asked, int64(tried))
	return string(text), m.note(asked, why, "method", []byte(method))
}

// note counts an answer to a challenge, and says why there is none if there is none; key and
// value name the request.
func (m *Module) note(asked *relay.Challenge, why, key string, value []byte) (answered bool) {
	if why == "" {
		m.answered.Add(1)
		return true
	}
	m.refused.Add(1)
	if m.cfg.Log.Enabled(context.Background(), slog.LevelWarn) {
		m.cfg.Log.Warn("uac: a challenge is not answered", "source", asked.Addr.String(), "reason", why, key, string(value))
	}
	return false
}

// answer makes the header line with the credentials, or says why there is none.
func (m *Module) answer(method []byte, asked *relay.Challenge, tried int64) (line []byte, why string) {
	if !m.serves(asked) {
		return nil, "no auth_target"
	}
	best, known := challenge{}, false
	for rest := asked.Lines; len(rest) > 0; {
		var c challenge
		var ok bool
		if c, rest, ok = nextChallenge(rest); !ok {
			continue
		}
		i := slices.IndexFunc(m.credentials, func(k credential) bool { return k.realm == string(c.realm) })
		if i < 0 {
			continue
		}
		c.key = &m.credentials[i]
		if !known || c.rank() > best.rank() {
			best, known = c, true
		}
	}
	switch {
	case !known:
		return nil, "no credential for its realm, or no digest that is known"
	case tried > 0 && !best.stale, tried >= maxAnswers:
		return nil, "it has refused the credential"
	}
	return best.line(method, asked.URI, m.cnonce()), ""
}

// serves reports whether the one who asked is a configured target.
func (m *Module) serves(asked *relay.Challenge) bool {
	addr := asked.Addr.Addr().Unmap()
	if slices.ContainsFunc(m.networks, func(n netip.Prefix) bool { return n.Contains(addr) }) {
		return true
	}
	var u sip.URI
	if len(m.hosts) == 0 || sip.ParseURI(asked.Hop, &u) != nil {
		return false
	}
	if _, has := u.Param("maddr"); has {
		return false // it went there, whatever the host is
	}
	return slices.ContainsFunc(m.hosts, func(h string) bool { return sip.EqualFold(u.Host, h) })
}

// cnonce is a nonce of ours that nobody can guess, another one each time.
func (m *Module) cnonce() string {
	mac := hmac.New(sha256.New, m.seed[:])
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], m.counter.Add(1))
	_, _ = mac.Write(n[:])
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// challenge is one WWW-Authenticate or Proxy-Authenticate (RFC 3261 §22.4).
type challenge struct {
	proxy                           bool
	realm, nonce, opaque, algorithm []byte
	sha256, qop, stale, hasOpaque   bool
	key                             *credential
}

// rank orders challenges: the better algorithm first (RFC 8760 §2.4).
func (c *challenge) rank() int {
	if c.sha256 {
		return 2
	}
	return 1
}

// line is the header line that answers the challenge.
func (c *challenge) line(method, uri []byte, cnonce string) []byte {
	digest := func(text []byte) []byte { return hexOf(md5.New(), text) } //nolint:gosec // RFC 3261 §22.4
	if c.sha256 {
		digest = func(text []byte) []byte { return hexOf(sha256.New(), text) }
	}
	ha1 := digest([]byte(c.key.user + ":" + c.key.realm + ":" + c.key.password))
	ha2 := digest(slices.Concat(method, []byte(":"), uri))
	b := []byte("Authorization: Digest username=\"")
	if c.proxy {
		b = []byte("Proxy-Authorization: Digest username=\"")
	}
	b = append(b, c.key.user...)
	b = append(append(b, "\", realm=\""...), c.realm...)
	b = append(append(b, "\", nonce=\""...), c.nonce...)
	b = append(append(b, "\", uri=\""...), uri...)
	b = append(b, '"')
	if len(c.algorithm) > 0 {
		b = append(append(b, ", algorithm="...), c.algorithm...)
	}
	if c.hasOpaque {
		b = append(append(append(b, ", opaque=\""...), c.opaque...), '"')
	}
	text := slices.Concat(ha1, []byte(":"), c.nonce, []byte(":"))
	if c.qop {
		const count = "00000001"
		text = append(text, count+":"+cnonce+":auth:"...)
		b = append(b, ", qop=auth, nc="+count+", cnonce=\""+cnonce+"\""...)
	}
	b = append(append(b, ", response=\""...), digest(append(text, ha2...))...)
	return append(b, "\"\r\n"...)
}

func hexOf(h hash.Hash, text []byte) []byte {
	_, _ = h.Write(text)
	return hex.AppendEncode(nil, h.Sum(nil))
}
