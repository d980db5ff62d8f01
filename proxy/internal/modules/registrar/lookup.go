package registrar

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"slices"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/sql/aor"
)

// methodNotAllowed is what lookup returns when there are contacts, and none that
// takes the method.
const methodNotAllowed = -2

// badGRUU is what lookup returns for a GRUU that was never given, or a temporary one
// that is over; the answer to it is 404 (RFC 5627 §5.3).
const badGRUU = -3

// lookup replaces the R-URI by the contacts of its address, the best one first
// (RFC 3261 §16.5).
func (m *Module) lookup(c *module.Ctx) int {
	r := &c.Request
	s := m.pool.Get().(*scratch)
	defer m.pool.Put(s)
	switch m.targetAoR(r, s) {
	case noAddress:
		return module.False
	case noGRUU:
		return badGRUU
	}
	r.Seek(s.reg.AoR)
	s.bindings = m.table.Lookup(s.reg.AoR, s.bindings[:0])
	if len(s.bindings) > 0 {
		r.Secure()
	}
	// A call for a sips address goes to the phones on TLS. Where there is none, the relay
	// refuses those that are there, and says why (RFC 5630 §5.3).
	secured := r.WantsTLS() && slices.ContainsFunc(s.bindings, func(b usrloc.Binding) bool { return secure(&b) })
	found, passed, taken := 0, 0, 0
	for i := range s.bindings {
		b := &s.bindings[i]
		if l := r.Local; l != nil && len(l.Contact) > 0 && !named(b, s.bindings, l.Contact) {
			continue // the router's own user agent calls one phone of several
		}
		if s.gruu.meant(b) && !gone(r, b) && !(secured && !secure(b)) && !barred(r, b) {
			if m.offer(r, b, s.bindings[:taken], &found, &passed) {
				s.bindings[taken], s.bindings[i] = s.bindings[i], s.bindings[taken]
				taken++
			}
		}
	}
	if found == 0 && passed == 0 {
		if s.gruu.temp {
			return badGRUU
		}
		return module.False
	}
	if found == 0 {
		return methodNotAllowed
	}
	r.SetFound(s.reg.AoR)
	if c.Route == module.FailureRoute && len(r.More) > 0 {
		// With branches beside it, the R-URI of a failure route is only their
		// pattern and is not sent to.
		_ = r.AddTarget(r.Main)
	}
	return module.True
}

// secure reports whether a binding may be reached over TLS: it is by its flow, or, where
// it has none, by what its contact or Path says, which the relay judges.
func secure(b *usrloc.Binding) bool {
	return b.Flow.Proto.Secure() || b.Flow.IsZero() && (len(b.Path()) > 0 || secureURI(b.Contact()))
}

// secureURI reports whether a URI asks for TLS.
func secureURI(uri []byte) bool {
	var u sip.URI
	if sip.ParseURI(uri, &u) != nil {
		return false
	}
	p, _ := u.Param("transport")
	return u.Scheme == sip.SchemeSIPS || sip.EqualFold(p, "tls") || sip.EqualFold(p, "wss")
}

// gone reports whether there is no way to a binding: its flow is broken, or it was made
// over a connection of before a restart and names another host than that came from.
func gone(r *relay.Request, b *usrloc.Binding) bool {
	return broken(r, b) || b.Flow.IsZero() && len(b.Path()) == 0 && !ownHost(b)
}

// ownHost reports whether a binding without a flow may be called where its contact says:
// nobody has registered it over a connection (it was added by hand, say), or that came
// from the contact's host.
func ownHost(b *usrloc.Binding) bool {
	received := b.Received()
	if !bytes.Contains(received, transportParam) {
		return true // target sends to received, if there is one
	}
	var u sip.URI
	if sip.ParseURI(received, &u) != nil {
		return false
	}
	return namesHost(b.Contact(), u.Host)
}

// broken reports whether a binding is a flow that is no more: only on it the phone can
// be reached (RFC 5626 §5.3), so without a socket there is no way to it at all.
func broken(r *relay.Request, b *usrloc.Binding) bool {
	return flow(b) && (unplugged(r, b) || b.Flow.IsZero() && len(b.Path())+len(b.Socket()) == 0)
}

// unplugged reports whether a contact, flow or not, was registered over a connection that is
// closed, or was open before the router started.
func unplugged(r *relay.Request, b *usrloc.Binding) bool {
	if len(b.Path()) > 0 {
		return false // the connection is another proxy's
	}
	if b.Flow.IsZero() {
		return len(b.Socket()) > 0 && !bytes.HasPrefix(b.Socket(), udpSocket)
	}
	return b.Flow.Proto.Stream() && !r.Engine.Layer().Usable(b.Flow)
}

// udpSocket begins the name of a socket for datagrams.
var udpSocket = []byte("udp:")

// offer makes a binding the target, or one more of them, unless its phone does not take
// the method; found and passed count both. before are the ones in front of it that are: of
// several flows of a phone, the later ones are tried if the first one fails. True: it is one.
func (m *Module) offer(r *relay.Request, b *usrloc.Binding, before []usrloc.Binding, found, passed *int) bool {
	if m.methodFiltering && !takes(b.Methods, r.Msg.Method) {
		*passed++
		return false
	}
	t := target(r, b)
	if flow(b) {
		t.Group = m.groupOf(b.Instance())
		if hasFlow(b, before) {
			r.AddFlow(t)
			return true
		}
	}
	if *found > 0 && !m.appendBranches {
		return false
	}
	if *found++; *found > 1 {
		_ = r.AddTarget(t) // beyond MaxBranches the best ones are in
		return true
	}
	r.SetTarget(t)
	return true
}

// hasFlow reports whether one of the targets is a flow of b's phone.
func hasFlow(b *usrloc.Binding, targets []usrloc.Binding) bool {
	for i := range targets {
		if flowsTogether(&targets[i], b) {
			return true
		}
	}
	return false
}

// flowsTogether reports whether two bindings are flows of one phone (RFC 5626).
func flowsTogether(a, b *usrloc.Binding) bool {
	return flow(a) && flow(b) && bytes.Equal(a.Instance(), b.Instance())
}

// named reports whether b, which is one of all, or another flow of its phone has the name, a Contact or a ruid:
// the phone is meant, whichever of its flows is left.
func named(b *usrloc.Binding, all []usrloc.Binding, name []byte) bool {
	for i := range all {
		if o := &all[i]; o.Named(name) && (o == b || flowsTogether(o, b)) {
			return true
		}
	}
	return false
}

// groupOf is the number by which the relay knows the flows of one phone; never 0.
func (m *Module) groupOf(instance []byte) uint32 {
	return uint32(maphash.Bytes(m.seed, instance)) | 1
}

// barred reports whether a binding is not to be called: it leads to no phone, or it was made
// by hand and this is the call that the router makes to a user's own phone (click-to-dial),
// which that may answer by itself, and is then told to call somebody.
func barred(r *relay.Request, b *usrloc.Binding) bool {
	if l := r.Local; l != nil && !l.Accounted && r.Msg.Method == sip.INVITE && b.ByHand() {
		return true
	}
	if len(b.Path()) > 0 || !b.Flow.IsZero() && !b.ByHand() {
		return false // a phone has come from there
	}
	if received := b.Received(); len(received) > 0 && !bytes.Contains(received, transportParam) {
		return r.Engine.Barred(received)
	}
	return r.Engine.Barred(b.Contact())
}

// registered reports whether the R-URI's address has a contact.
func (m *Module) registered(c *module.Ctx) int {
	s := m.pool.Get().(*scratch)
	defer m.pool.Put(s)
	if m.targetAoR(&c.Request, s) != anAddress {
		return module.False
	}
	if !s.gruu.on {
		if m.table.Registered(s.reg.AoR) {
			return module.True
		}
		return module.False
	}
	s.bindings = m.table.Lookup(s.reg.AoR, s.bindings[:0])
	for i := range s.bindings {
		if s.gruu.meant(&s.bindings[i]) {
			return module.True
		}
	}
	return module.False
}

// What targetAoR finds.
const (
	anAddress = iota
	noAddress
	noGRUU
)

// targetAoR makes s.reg.AoR the address that the R-URI names, and s.gruu which of its
// phones.
func (m *Module) targetAoR(r *relay.Request, s *scratch) int {
	parsed, err := r.URI()
	if err != nil || parsed.Scheme != sip.SchemeSIP && parsed.Scheme != sip.SchemeSIPS || !parsed.HasUser {
		return noAddress
	}
	u := *parsed
	if !m.readGRUU(s, &u) {
		return noGRUU
	}
	s.reg.AoR, err = aor.AppendCanonical(s.reg.AoR[:0], u.User, u.Host)
	if err != nil {
		return noAddress
	}
	return anAddress
}

// target is where a binding is reached; its texts are the binding's.
func target(r *relay.Request, b *usrloc.Binding) relay.Target {
	t := relay.Target{URI: sip.TargetURI(b.Contact()), Flow: b.Flow, Q: b.Q, Flags: b.CFlags, Phone: true}
	if t.Q == usrloc.NoQ {
		t.Q = 1000
	}
	if path := b.Path(); len(path) > 0 {
		t.Route, t.Next = path, firstHop(path)
		return t
	}
	if t.Flow.Proto.Stream() && !r.Engine.Layer().Usable(t.Flow) {
		// The phone's connection is gone. Its source was the far end of that and
		// nobody listens there; perhaps the phone does where Contact says. That is
		// tried if it is the host that registered: who could name another one would
		// have us call whom he likes, ourselves included.
		if sameHost(b.Contact(), t.Flow.Remote.Addr()) {
			t.Flow, t.Given = transport.Flow{}, true
		}
		return t
	}
	t.Given = t.Flow.IsZero()
	if received := b.Received(); t.Flow.IsZero() && len(received) > 0 && !bytes.Contains(received, transportParam) {
		t.Next = received
	}
	return t
}

// sameHost reports whether a contact's host is the address, in numbers.
func sameHost(contact []byte, source netip.Addr) bool {
	var room [64]byte
	return namesHost(contact, source.AppendTo(room[:0]))
}

// namesHost reports whether a contact's host is the given one, and no maddr another.
func namesHost(contact, host []byte) bool {
	var u sip.URI
	if sip.ParseURI(contact, &u) != nil {
		return false
	}
	if _, elsewhere := u.Param("maddr"); elsewhere {
		return false
	}
	return sip.SameHost(u.Host, host)
}

// transportParam tells the source of a connection from that of a datagram.
var transportParam = []byte(";transport=")

// firstHop is the URI of the first value of a Path.
func firstHop(path []byte) []byte {
	var a sip.NameAddr
	if sip.ParseNameAddr(path[:sip.NextValue(path)], &a) != nil {
		return nil
	}
	return a.URI
}
