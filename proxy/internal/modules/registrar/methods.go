package registrar

import (
	"bytes"

	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/sip"
)

// methodBits are the bits of the column methods, Kamailio's. A method without
// one is never filtered.
var methodBits = [...]uint32{
	sip.INVITE: 1, sip.CANCEL: 2, sip.ACK: 4, sip.BYE: 8, sip.INFO: 16, sip.REGISTER: 32, sip.SUBSCRIBE: 64, sip.NOTIFY: 128,
	sip.MESSAGE: 256, sip.OPTIONS: 512, sip.PRACK: 1024, sip.UPDATE: 2048, sip.REFER: 4096, sip.PUBLISH: 8192,
}

// otherMethods stands for all methods without a bit of their own.
const otherMethods = 1 << 14

// takes reports whether a phone with that set of methods takes one.
func takes(set uint32, m sip.Method) bool {
	return m == sip.MethodOther || set&methodBits[m] != 0
}

// parseMethods reads a list of methods, as in Allow or the Contact parameter
// methods. No list at all is no restriction.
func parseMethods(list []byte) uint32 {
	set := uint32(0)
	for len(list) > 0 {
		var name []byte
		name, list, _ = bytes.Cut(list, []byte{','})
		switch method := sip.ParseMethod(bytes.TrimSpace(name)); {
		case method != sip.MethodOther:
			set |= methodBits[method]
		case len(bytes.TrimSpace(name)) > 0:
			set |= otherMethods
		}
	}
	if set == 0 {
		return usrloc.AllMethods
	}
	return set
}

// allowed is the set of methods in the Allow of a request.
func allowed(m *sip.Message) uint32 {
	set := uint32(0)
	for h := m.Header(sip.HdrAllow); h != nil; h = m.Next(h) {
		if one := parseMethods(m.Value(h)); one != usrloc.AllMethods {
			set |= one
		}
	}
	if set == 0 {
		return usrloc.AllMethods
	}
	return set
}
