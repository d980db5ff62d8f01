package user

import (
	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/webui/internal/form"
)

// headerRoom is what the header of our MESSAGE takes at most beside its
// addresses, as it leaves the router, in bytes: the request line, two Vias with a
// host name of usual length, Max-Forwards, tag, Call-ID, CSeq, User-Agent,
// Content-Type and Content-Length, and 64 for a phone's contact that is longer
// than the address. The router counts exactly and has the last word.
const headerRoom = 510

// room is how much text fits into a message.
type room struct {
	Limit, Left int // bytes
	Over        int // bytes too many, 0 if it fits
}

// roomFor computes what the addresses in a form leave for its text: the whole
// MESSAGE is at most 1,300 bytes (RFC 3428 §8). The address stands in it twice,
// as Request-URI and in To.
func roomFor(from aor.AOR, f *form.Form) room {
	to, err := aor.CanonicalURI(f.Value("to"), from.Domain)
	if err != nil {
		to = "sip:somebody@" + from.Domain // not yet typed; most are like this
	}
	limit := max(ctlproto.MaxImText-headerRoom-len(from.URI())-2*len(to), 0)
	left := limit - len(messageText(f))
	return room{Limit: limit, Left: max(left, 0), Over: max(-left, 0)}
}
