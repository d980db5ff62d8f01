package module

import (
	"encoding/binary"
)

// MaxAVPs bounds what the AVPs of one transaction take, in bytes.
const MaxAVPs = 4096

// The AVPs of a request stand one after the other in relay.Request.Kept, which goes
// with the transaction: a byte with the length of the name, the name, a byte with
// the kind and whether it is a user's word (usersBit), four bytes with the length of the value, the value.
const avpHead = 1 + 1 + 4

// usersBit is Value.Users, beside the kind.
const usersBit = 0x80

// avp is one entry.
type avp struct {
	start, end int // in Kept
	value      Value
}

// findAVP finds the entry of a name.
func findAVP(b []byte, name string) (avp, bool) {
	for at := 0; at < len(b); {
		n := int(b[at])
		head := at + avpHead + n
		size := int(binary.BigEndian.Uint32(b[head-4:]))
		if string(b[at+1:at+1+n]) == name {
			return avp{at, head + size, avpValue(b[head-5], b[head:head+size:head+size])}, true
		}
		at = head + size
	}
	return avp{}, false
}

func avpValue(kind byte, b []byte) Value {
	if ValueKind(kind) == NumberValue {
		return Number(int64(binary.BigEndian.Uint64(b)))
	}
	return Value{Kind: ValueKind(kind &^ usersBit), Str: b, Users: kind&usersBit != 0}
}

// AVP returns the value of $avp(name).
func (c *Ctx) AVP(name string) Value {
	if len(c.Kept) == 0 {
		return Value{}
	}
	e, ok := findAVP(c.Kept, name)
	if !ok {
		return Value{}
	}
	if e.value.Kind == TextValue {
		e.value.Str = c.Keep(e.value.Str) // Kept moves when another is set
	}
	return e.value
}

// SetAVP sets $avp(name); null removes it. False if there is no room.
func (c *Ctx) SetAVP(name string, v Value) bool {
	if e, ok := findAVP(c.Kept, name); ok {
		if v.Kind == TextValue {
			v.Str = c.Keep(v.Str)
		}
		c.Kept = append(c.Kept[:e.start], c.Kept[e.end:]...)
	}
	size := len(v.Str)
	switch v.Kind {
	case NullValue:
		return true
	case NumberValue:
		size = 8
	}
	if len(name) > 255 || len(c.Kept)+avpHead+len(name)+size > MaxAVPs {
		return false
	}
	b := append(c.Kept, byte(len(name)))
	kind := byte(v.Kind)
	if v.Users && v.Kind == TextValue {
		kind |= usersBit
	}
	b = append(append(b, name...), kind)
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	if v.Kind == NumberValue {
		b = binary.BigEndian.AppendUint64(b, uint64(v.Num))
	} else {
		b = append(b, v.Str...)
	}
	c.Kept = b
	return true
}
