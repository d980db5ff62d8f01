package usrloc

import (
	"bytes"
	"time"

	"seraph/proxy/internal/transport"
)

// Lengths of the columns of table location, in characters.
const (
	MaxContact   = 512
	MaxReceived  = 128
	MaxPath      = 512
	MaxCallID    = 255
	MaxInstance  = 255
	MaxUserAgent = 255 // longer ones are cut
)

const (
	// NoQ says that a contact has no q parameter. Such a contact is ordered as
	// if it had q=1.
	NoQ int16 = -1
	// AllMethods is the set of methods of a phone that restricted none.
	AllMethods = ^uint32(0)
)

// The texts of a binding, in the order in which they are kept.
const (
	textContact = iota
	textReceived
	textPath
	textCallID
	textUserAgent
	textInstance
	textSocket
	numTexts
)

// Binding is one contact of an address of record. Whoever passes a []Binding to
// Lookup or Save owns its memory; the texts are valid until the next such call
// with the same memory.
type Binding struct {
	text []byte
	ends [numTexts]uint16
	id   rowID

	// Proxied is Registration.Proxied, false for a binding that was read from the database.
	Proxied bool

	// Flow is the way on which the phone is reached whatever the URIs say: the
	// one its REGISTER came on. The zero Flow: none, resolve Next or Contact.
	Flow   transport.Flow
	Q      int16 // thousandths, or NoQ
	CSeq   uint32
	Flags  uint32
	CFlags uint32
	// Methods is the set of methods that the phone takes, bits as in Method.
	Methods  uint32
	RegID    int32
	ServerID int32

	expires  int64 // Unix milliseconds, 0 for permanent
	modified int64 // Unix milliseconds
}

func (b *Binding) textAt(i int) []byte {
	from := uint16(0)
	if i > 0 {
		from = b.ends[i-1]
	}
	return b.text[from:b.ends[i]:b.ends[i]]
}

// Contact is the Contact's URI as the phone wrote it, without < >.
func (b *Binding) Contact() []byte { return b.textAt(textContact) }

// Received is the source of the REGISTER as a URI where that is not what Contact
// says, else empty.
func (b *Binding) Received() []byte { return b.textAt(textReceived) }

// Path is the value of the Path header (RFC 3327), empty without one.
func (b *Binding) Path() []byte { return b.textAt(textPath) }

// CallID is the Call-ID of the REGISTER that made or last refreshed the binding.
func (b *Binding) CallID() []byte { return b.textAt(textCallID) }

// UserAgent is what the phone calls itself, perhaps empty.
func (b *Binding) UserAgent() []byte { return b.textAt(textUserAgent) }

// Instance is the value of +sip.instance without quotes, empty without one.
func (b *Binding) Instance() []byte { return b.textAt(textInstance) }

// Socket is our socket on which the REGISTER came, as transport.Socket.Name.
func (b *Binding) Socket() []byte { return b.textAt(textSocket) }

// ByHand reports whether ul.add made the binding, and no REGISTER of a phone.
func (b *Binding) ByHand() bool { return bytes.Equal(b.CallID(), controlCallID) }

// Permanent reports whether the binding never expires by itself.
func (b *Binding) Permanent() bool { return b.expires == 0 }

// Remaining is the time that the binding has left at the time now, rounded up to
// whole seconds and never negative; 0 for a permanent one.
func (b *Binding) Remaining(now time.Time) time.Duration {
	ms := b.expires - now.UnixMilli()
	if b.expires == 0 || ms <= 0 {
		return 0
	}
	return time.Duration((ms+999)/1000) * time.Second
}

// Modified is when the binding was made or last refreshed.
func (b *Binding) Modified() time.Time { return time.UnixMilli(b.modified).UTC() }

// expired reports whether the binding is no more at the time now.
func (b *Binding) expired(now int64) bool { return b.expires != 0 && b.expires <= now }

// order is the preference by which bindings are tried.
func (b *Binding) order() int16 {
	if b.Q == NoQ {
		return 1000
	}
	return b.Q
}

// setTexts makes the binding's texts one block of b.text's memory.
func (b *Binding) setTexts(texts *[numTexts][]byte) {
	n := 0
	for _, t := range texts {
		n += len(t)
	}
	if cap(b.text) < n {
		b.text = make([]byte, 0, n)
	}
	b.text = b.text[:0]
	for i, t := range texts {
		b.text = append(b.text, t...)
		b.ends[i] = uint16(len(b.text))
	}
}

// copyFrom makes b a copy of o in b's own memory.
func (b *Binding) copyFrom(o *Binding) {
	text := append(b.text[:0], o.text...)
	*b = *o
	b.text = text
}

// extend appends a copy of b to dst, using the memory that dst has beyond its
// length.
func extend(dst []Binding, b *Binding) []Binding {
	if len(dst) < cap(dst) {
		dst = dst[:len(dst)+1]
	} else {
		dst = append(dst, Binding{})
	}
	dst[len(dst)-1].copyFrom(b)
	return dst
}
