package auth

import (
	"bytes"
	"context"
	"hash/maphash"
	"log/slog"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// What Authorize returns beside True and Stop, as Kamailio's functions do.
const (
	staleNonce    = -4
	noCredentials = -5
)

// Authorize checks the credentials of a request for a realm, a canonical domain, or
// "" for that of the address that the request speaks for. It is the body of
// auth_db's www_authorize (proxy false) and proxy_authorize (proxy true).
//
// True means that Request.Auth says who it is. What the router's own user agent
// sends is authenticated already. ACK and CANCEL cannot be challenged (RFC 3261
// §22.1). Stop means that the table could not be asked and 503 was sent.
func (m *Module) Authorize(c *module.Ctx, realm string, proxy bool) int {
	if c.Local != nil || c.Msg.Method == sip.ACK || c.Msg.Method == sip.CANCEL {
		return module.True
	}
	var room [2 + aor.MaxDomain]byte
	domain, ok := m.realm(c, realm, room[:0])
	if !ok {
		return module.False
	}
	var cr sip.Credentials
	switch findCredentials(c.Msg, header(proxy), domain, &cr) {
	case missing:
		return noCredentials
	case malformed:
		return m.reject(c, nil, "malformed credentials")
	}
	return m.check(c, &cr, domain)
}

// check checks credentials for a realm.
func (m *Module) check(c *module.Ctx, cr *sip.Credentials, domain []byte) int {
	n, ok := m.nonces.check(cr.Nonce)
	if !ok {
		return staleNonce
	}
	nc, fault := m.form(c, cr, n)
	if fault != "" {
		return m.reject(c, cr.Username, fault)
	}
	var room [512]byte
	key, isAddress, ok := userKey(room[:0], cr.Username, domain)
	if !ok {
		return m.reject(c, cr.Username, "no such user name")
	}
	now := time.Now()
	rec, cached, err := m.find(c, key, now)
	if err != nil {
		return m.unavailable(c, err)
	}
	alg := algorithmOf(cr)
	right := rec.right(alg, isAddress, c.Msg.MethodText(), cr)
	if !right && rec.found && cached && m.mayReread(c, key, now) {
		if rec, err = m.wait(c, key, now); err == nil {
			right = rec.right(alg, isAddress, c.Msg.MethodText(), cr)
		}
	}
	if !right {
		return m.reject(c, cr.Username, "wrong digest or unknown user")
	}
	if m.counts.use(n, nc, m.request(c)) == replayed {
		return staleNonce
	}
	kept := c.Keep(key)
	at := len(kept) - len(domain) - 1
	c.Auth.User, c.Auth.Domain = kept[:at:at], kept[at+1:]
	m.accept(c, key, alg, &rec)
	return module.True
}

// accept counts right credentials, and notes from where they came if SHA-256 may be
// offered there from now on.
func (m *Module) accept(c *module.Ctx, key []byte, alg algorithm, rec *record) {
	m.stats.accepted.Add(1)
	if alg == algSHA256 {
		m.stats.sha256.Add(1)
	}
	if m.sha256 && rec.sha256 != nil {
		m.cache.prove(key, m.place(c.From.Remote.Addr()))
	}
}

// nobody stands for the SHA-256 hashes of who has none.
var nobody hashes256

// right reports whether the response fits the user; nobody's does not, and takes as
// long.
func (rec *record) right(alg algorithm, isAddress bool, method []byte, cr *sip.Credentials) bool {
	if alg == algSHA256 {
		h, has := rec.sha256, rec.sha256 != nil
		if !has {
			h = &nobody
		}
		ha1 := &h.ha1
		if isAddress {
			ha1 = &h.ha1b
		}
		return rightResponse256(ha1, method, cr) && has && rec.found
	}
	ha1 := &rec.ha1
	if isAddress {
		ha1 = &rec.ha1b
	}
	return rightResponse(ha1, method, cr) && rec.found
}

// form checks what the credentials say about themselves, and returns their count. A
// response without qop (RFC 2069) is right only where none was offered, and counts
// as the first and only use of its nonce.
func (m *Module) form(c *module.Ctx, cr *sip.Credentials, n nonce) (nc uint32, fault string) {
	switch alg := algorithmOf(cr); {
	case alg == unknownAlgorithm:
		return 0, "algorithm is neither MD5 nor SHA-256"
	case alg == algSHA256 && !n.sha256:
		return 0, "SHA-256 was not offered"
	}
	if !m.sameTarget(c, cr.URI) {
		return 0, "the digest was made for another URI"
	}
	if cr.QOP == nil {
		if n.qop {
			return 0, "qop was offered and not used"
		}
		return 1, ""
	}
	nc, ok := parseHex(cr.NC)
	if !ok || nc == 0 || len(cr.CNonce) == 0 || !sip.EqualFold(cr.QOP, "auth") {
		return 0, "bad qop, nc or cnonce"
	}
	return nc, ""
}

// sameTarget reports whether the digest's URI and the Request-URI as received name
// the same thing. Phones differ in parameters, ports, and in whether they write the
// domain or the router's address: these do not matter; another user or a foreign
// host does.
func (m *Module) sameTarget(c *module.Ctx, uri []byte) bool {
	if bytes.Equal(uri, c.Msg.RequestURI()) {
		return true
	}
	var d sip.URI
	r, err := c.Msg.URI()
	if err != nil || sip.ParseURI(uri, &d) != nil {
		return false
	}
	if d.HasUser && r.HasUser && !sip.SameUnescaped(d.User, r.User) {
		return false
	}
	switch {
	case d.Scheme == sip.SchemeTel && r.Scheme == sip.SchemeTel:
		return true
	case d.Host == nil || r.Host == nil:
		return false
	}
	return bytes.EqualFold(d.Host, r.Host) || m.ours(c, &d) && m.ours(c, r)
}

func (m *Module) ours(c *module.Ctx, u *sip.URI) bool {
	return m.local(u.Host) || c.Engine != nil && c.Engine.Myself(u.Host, u.Port)
}

// userKey appends the canonical address of who a digest's username is, which is a
// user name in the realm or an address of the realm.
func userKey(dst, username, realm []byte) (key []byte, isAddress, ok bool) {
	if at := bytes.LastIndexByte(username, '@'); at >= 0 {
		if !bytes.EqualFold(username[at+1:], realm) {
			return dst, true, false
		}
		username, isAddress = username[:at], true
	}
	key, err := aor.AppendCanonical(dst, username, realm)
	return key, isAddress, err == nil
}

// mayReread reports whether a wrong digest may have a cached user read again: the
// password may have changed.
func (m *Module) mayReread(c *module.Ctx, key []byte, now time.Time) bool {
	return !m.reader.away.Load() && m.cache.mayReread(key, now) && m.source(c.From.Remote.Addr()).mayReread(now)
}

var retryAfter = []byte("Retry-After: 5\r\n")

// unavailable answers a request whose sender cannot be told.
func (m *Module) unavailable(c *module.Ctx, err error) int {
	m.stats.busy.Add(1)
	if m.log.Enabled(context.Background(), slog.LevelDebug) {
		m.log.Debug("credentials cannot be checked", "error", err, "source", c.From.Remote, "call_id", string(c.Msg.CallID()))
	}
	_ = c.ReplyStateless(&sip.Reply{Status: 503, Extra: retryAfter})
	return module.Stop
}

// realm returns the realm of a request in canonical form: the one the script names,
// or the domain of To in a REGISTER and of From in others (SER's rule), which must
// be one of ours.
func (m *Module) realm(c *module.Ctx, named string, dst []byte) ([]byte, bool) {
	if named != "" {
		return append(dst, named...), true
	}
	u, err := claimant(c)
	if err != nil {
		return dst, false
	}
	host := u.Host
	if host == nil {
		host = aor.AppendCallerHost(nil, u.Raw) // as is_from_local reads a URI that is no SIP URI
	}
	if len(host) == 0 || !m.local(host) {
		return dst, false
	}
	b, err := aor.AppendCanonical(dst, anybody, host)
	if err != nil {
		return dst, false
	}
	return b[len(dst)+2:], true // after "x@"
}

var anybody = []byte("x")

func header(proxy bool) sip.HeaderID {
	if proxy {
		return sip.HdrProxyAuthorization
	}
	return sip.HdrAuthorization
}

// presence is what a request has of credentials for a realm.
type presence uint8

const (
	missing presence = iota
	malformed
	present
)

// findCredentials looks for the credentials for a realm.
func findCredentials(msg *sip.Message, id sip.HeaderID, realm []byte, cr *sip.Credentials) presence {
	result := missing
	for h := msg.Header(id); h != nil; h = msg.Next(h) {
		if sip.ParseCredentials(msg.Value(h), cr) != nil {
			result = malformed
		} else if bytes.EqualFold(cr.Realm, realm) {
			return present
		}
	}
	return result
}

// request is a hash of the whole request and of where it came from, which a
// retransmission shares and nothing else does; never 0.
func (m *Module) request(c *module.Ctx) uint64 {
	a := c.From.Remote.Addr().As16()
	h := m.hash(c.Msg.Buf) ^ m.hash(a[:])*31 ^ uint64(c.From.Remote.Port())<<40
	return h | 1
}

func (m *Module) hash(b []byte) uint64 { return maphash.Bytes(m.seed, b) }
