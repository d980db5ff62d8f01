package relay

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"slices"

	"seraph/proxy/internal/sip"
)

// A script may put other addresses into From and To (module uac). Each side of the dialog
// then goes on with what it has seen: the caller with what he wrote, the callee with what
// it was sent. Both texts travel in our own Record-Route, as Kamailio has it: so they
// outlive the process and need no place in the dialog table. The MAC of the Route covers
// them, so that nobody but the script chooses what we write there, and they are encrypted,
// because a callee who was sent an anonymous caller reads the Route, too.

// Header is one of the two that name a party of a dialog.
type Header uint8

// The headers that are renamed.
const (
	From Header = iota
	To
)

var headerID = [...]sip.HeaderID{sip.HdrFrom, sip.HdrTo}

// Names says how renamed headers are kept and put back.
type Names struct {
	// From and To are the URI parameters of our Record-Route that keep them, "vsf" and
	// "vst" if empty.
	From, To string
	// Manual leaves requests within a dialog to RestoreName; else LooseRoute rewrites them.
	Manual bool
}

func (n Names) withDefaults() Names {
	if n.From == "" {
		n.From = "vsf"
	}
	if n.To == "" {
		n.To = "vst"
	}
	return n
}

// ErrLongName says that a From or To and its replacement are too long for our Record-Route.
var ErrLongName = errors.New("the address and what replaces it are too long to be kept in the Record-Route")

// maxNames bounds the two texts of one header that our Record-Route keeps, display names
// and brackets with them, in bytes.
const maxNames = 384

const (
	nameNonce = 12
	nameHead  = nameNonce + 2 // and the length of the first text
)

// name is what is known of one renamed header of a request.
type name struct {
	sealed []byte // the value of our Record-Route's parameter
	done   bool   // the header bears the other text already
}

// named is what a call keeps of renamed headers, and of parameters of the Record-Route; most
// calls have none.
type named struct {
	params params
	sealed [2][]byte
	// values are From and To as received, which the replies get back.
	values [2][]byte
}

// Renamed reports whether a header was renamed for this request, or bears what our Route
// has kept for its dialog.
func (r *Request) Renamed(h Header) bool { return r.names[h].done }

// NameFits is the error with which Rename refuses two texts, nil if it takes them.
func NameFits(old, now []byte) error {
	if len(old)+len(now) > maxNames {
		return ErrLongName
	}
	return nil
}

// Rename tells that the script puts the name-addr now, without parameters, in the place
// of old, which it was: replies get old back, and if the request begins a dialog that is
// record-routed, so do the requests within it. The edit itself is the caller's. ErrLongName
// leaves everything as it was.
func (r *Request) Rename(h Header, old, now []byte) error {
	if err := NameFits(old, now); err != nil {
		return err
	}
	r.names[h].done = true
	if !r.InDialog {
		r.names[h].sealed = r.Engine.sealName(old, now)
	}
	return nil
}

// RestoreName rewrites a header of a request within a dialog so that who gets it sees the
// address that it knows: in requests of the dialog's initiator From (or To) as it was
// renamed, in those of the other end To (or From) as the initiator wrote it. False if there
// is nothing to restore.
func (r *Request) RestoreName(h Header) bool {
	n := &r.names[h]
	if !r.InDialog || n.done || n.sealed == nil {
		return false
	}
	old, now, ok := r.Engine.openName(n.sealed)
	if !ok {
		return false
	}
	text, at := now, headerID[h]
	if !r.byInitiator {
		text, at = old, headerID[1-h]
	}
	n.done = rewrite(r.Msg, at, text)
	return n.done
}

// restoreNames does it for both.
func (r *Request) restoreNames() {
	r.RestoreName(From)
	r.RestoreName(To)
}

// rewrite puts a name-addr into a header; its parameters stay.
func rewrite(m *sip.Message, id sip.HeaderID, text []byte) bool {
	h := m.Header(id)
	var a sip.NameAddr
	if h == nil || sip.ParseNameAddr(m.Value(h), &a) != nil {
		return false
	}
	if len(a.Params) > 0 {
		m.ReplaceValue(h, text, []byte{';'}, a.Params)
	} else {
		m.ReplaceValue(h, text)
	}
	return true
}

// AppendNameAddr appends what of a From or To stands before its parameters.
func AppendNameAddr(dst []byte, a *sip.NameAddr) []byte {
	if len(a.Display) > 0 {
		dst = append(append(dst, a.Display...), ' ')
	}
	return append(append(append(dst, '<'), a.URI...), '>')
}

// keepNames takes renamed headers along with the call.
func (c *Call) keepNames(r *Request) {
	if !r.renamed() {
		return
	}
	if c.names == nil {
		c.names = &named{}
	}
	if !c.names.renamed() {
		for i, id := range headerID {
			if h := r.Msg.Header(id); h != nil {
				c.names.values[i] = slices.Clone(r.Msg.Value(h))
			}
		}
	}
	for i := range r.names {
		c.names.sealed[i] = slices.Clone(r.names[i].sealed)
	}
}

// renamed reports whether any header of the request, or of one of its branches, is.
func (r *Request) renamed() bool {
	has := func(n *[2]name) bool {
		return n[From].done || n[To].done || n[From].sealed != nil || n[To].sealed != nil
	}
	if has(&r.names) {
		return true
	}
	if r.branched != nil && r.branched.on {
		for i := r.firstTarget(); i <= len(r.More); i++ {
			if has(&r.branched.names[i]) {
				return true
			}
		}
	}
	return false
}

// renamed reports whether any header is.
func (n *named) renamed() bool { return n != nil && n.values[From] != nil }

// restoreTo makes the kept names and parameters those of the request again.
func (n *named) restoreTo(r *Request) {
	if n == nil {
		return
	}
	for i := range n.sealed {
		r.names[i] = name{sealed: n.sealed[i], done: n.sealed[i] != nil}
	}
	r.params = n.params
}

// putBack gives a response From and To as the request had them (RFC 3261 §8.2.6.2); the
// tag of To is the response's.
func (c *Call) putBack(m *sip.Message) {
	if !c.names.renamed() {
		return
	}
	if h := m.Header(sip.HdrFrom); h != nil && len(c.names.values[From]) > 0 {
		m.ReplaceValue(h, c.names.values[From])
	}
	var a sip.NameAddr
	if sip.ParseNameAddr(c.names.values[To], &a) == nil {
		rewrite(m, sip.HdrTo, AppendNameAddr(nil, &a))
	}
}

// RouteNames are hashes of what the Route of a dialog keeps of each renamed header, 0 for nothing. There are
// two of each where the INVITE has passed more than once, and each pass has renamed what it wanted.
type RouteNames [2][2]uint64

// unknownName is the second hash of a header that may be anything.
const unknownName = 1

// UnknownNames are those of a dialog whose Route was not seen.
func UnknownNames() RouteNames {
	return RouteNames{{unknownName, unknownName}, {unknownName, unknownName}}
}

// Borne reports whether the Route of a request within a dialog keeps of each header what that of the dialog
// does. Every Route that was given for the same Call-ID and From tag is genuine. The entries of a request's
// passes may be taken together, so each header may be another pass's.
func (n *RouteNames) Borne(r *Request) bool {
	for h, list := range n {
		got := r.Engine.hashName(r.names[h].sealed)
		if got != list[0] && got != list[1] && list[1] != unknownName {
			return false
		}
	}
	return true
}

// RouteNames reads them in our Record-Route in an answer; again says that the INVITE has passed more than once.
// ok is false for a renamed dialog without a Record-Route of ours there.
func (c *Call) RouteNames(m *sip.Message, again bool) (names RouteNames, ok bool) {
	if !c.names.renamed() && !again {
		return names, true
	}
	n := 0
	for values := m.Values(sip.HdrRecordRoute); ; {
		value := values.Next()
		if value == nil {
			break
		}
		var a sip.NameAddr
		var u sip.URI
		if sip.ParseNameAddr(value, &a) != nil || sip.ParseURI(a.URI, &u) != nil || !c.engine.ourRoute(&u) {
			continue
		}
		seal, _, ok := c.engine.readSeal(&u, c.engine.Now())
		if !ok {
			continue
		}
		for h, sealed := range seal.names {
			names.add(h, c.engine.hashName(sealed), n == 0)
		}
		n++
	}
	return names, n > 0
}

// add notes what one entry keeps of a header; first says that it is the first entry.
func (n *RouteNames) add(h int, hash uint64, first bool) {
	list := &n[h]
	switch {
	case first:
		*list = [...]uint64{hash, hash}
	case list[1] == unknownName || hash == list[0] || hash == list[1]:
	case list[0] == list[1]:
		list[1] = hash
	default:
		list[1] = unknownName // of a third pass
	}
}

func (e *Engine) hashName(sealed []byte) uint64 {
	if sealed == nil {
		return 0
	}
	return max(unknownName+1, maphash.Bytes(e.tagSeed, sealed))
}

// nameCipher makes the cipher of the engine's key.
func nameCipher(key [32]byte) cipher.Block {
	sum := sha256.Sum256(append([]byte("names"), key[:]...))
	block, _ := aes.NewCipher(sum[:]) // a key of 32 bytes is never refused
	return block
}

// sealName writes two texts so that only we can read them. That nobody else has written
// them, the MAC of the Route proves.
func (e *Engine) sealName(old, now []byte) []byte {
	b := make([]byte, nameHead, nameHead+len(old)+len(now))
	_, _ = rand.Read(b[:nameNonce]) // never fails
	binary.BigEndian.PutUint16(b[nameNonce:], uint16(len(old)))
	b = append(append(b, old...), now...)
	e.cryptName(b)
	return base64.RawURLEncoding.AppendEncode(nil, b)
}

// openName is its reverse; ok is false for what sealName has not written.
func (e *Engine) openName(sealed []byte) (old, now []byte, ok bool) {
	b, err := base64.RawURLEncoding.AppendDecode(nil, sealed)
	if err != nil || len(b) < nameHead {
		return nil, nil, false
	}
	e.cryptName(b)
	n := int(binary.BigEndian.Uint16(b[nameNonce:]))
	if b = b[nameHead:]; n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

func (e *Engine) cryptName(b []byte) {
	var iv [aes.BlockSize]byte
	copy(iv[:], b[:nameNonce])
	cipher.NewCTR(e.names, iv[:]).XORKeyStream(b[nameNonce:], b[nameNonce:])
}

// ownNames are what a branch route has chosen for its branch.
type ownNames struct {
	of    [2]name
	added []byte // parameters of the Record-Route
}

// branchNames makes the renamed headers and the parameters of one branch those of the request,
// and returns them if the branch route has chosen them.
func (r *Request) branchNames(i int) *ownNames {
	if r.branched == nil || !r.branched.on {
		return nil
	}
	own := &r.branched.names[i]
	r.names, r.params.added = *own, r.branched.params[i]
	if own[From].sealed == nil && own[To].sealed == nil && r.params.added == nil {
		return nil
	}
	return &ownNames{[2]name{{sealed: slices.Clone(own[From].sealed)}, {sealed: slices.Clone(own[To].sealed)}}, slices.Clone(r.params.added)}
}
