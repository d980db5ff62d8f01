package sip

// HeaderID names a header field that the router knows; every other one is HdrOther.
type HeaderID uint8

// The header fields known by number.
const (
	HdrOther HeaderID = iota
	HdrVia
	HdrFrom
	HdrTo
	HdrCallID
	HdrCSeq
	HdrContact
	HdrMaxForwards
	HdrRoute
	HdrRecordRoute
	HdrContentLength
	HdrContentType
	HdrExpires
	HdrAuthorization
	HdrProxyAuthorization
	HdrWWWAuthenticate
	HdrProxyAuthenticate
	HdrSupported
	HdrRequire
	HdrProxyRequire
	HdrAllow
	HdrEvent
	HdrSubscriptionState
	HdrReferTo
	HdrReferredBy
	HdrReferSub
	HdrUserAgent
	HdrServer
	HdrPath
	HdrReason
	HdrDate
	HdrSubject
	HdrMinExpires
	HdrRetryAfter
	HdrTimestamp
	numHeaderIDs
)

// headerNames gives each known field's full name and its compact form, 0 if it
// has none (RFC 3261 §7.3.3 and the registry of RFC 3968).
var headerNames = [numHeaderIDs]struct {
	name    string
	compact byte
}{
	HdrVia: {"Via", 'v'}, HdrFrom: {"From", 'f'}, HdrTo: {"To", 't'},
	HdrCallID: {"Call-ID", 'i'}, HdrCSeq: {"CSeq", 0}, HdrContact: {"Contact", 'm'},
	HdrMaxForwards: {"Max-Forwards", 0}, HdrRoute: {"Route", 0},
	HdrRecordRoute: {"Record-Route", 0}, HdrContentLength: {"Content-Length", 'l'},
	HdrContentType: {"Content-Type", 'c'}, HdrExpires: {"Expires", 0},
	HdrAuthorization: {"Authorization", 0}, HdrProxyAuthorization: {"Proxy-Authorization", 0},
	HdrWWWAuthenticate: {"WWW-Authenticate", 0}, HdrProxyAuthenticate: {"Proxy-Authenticate", 0},
	HdrSupported: {"Supported", 'k'}, HdrRequire: {"Require", 0}, HdrProxyRequire: {"Proxy-Require", 0},
	HdrAllow: {"Allow", 0}, HdrEvent: {"Event", 'o'}, HdrSubscriptionState: {"Subscription-State", 0},
	HdrReferTo: {"Refer-To", 'r'}, HdrReferredBy: {"Referred-By", 'b'}, HdrReferSub: {"Refer-Sub", 0},
	HdrUserAgent: {"User-Agent", 0}, HdrServer: {"Server", 0}, HdrPath: {"Path", 0},
	HdrReason: {"Reason", 0}, HdrDate: {"Date", 0}, HdrSubject: {"Subject", 's'},
	HdrMinExpires: {"Min-Expires", 0}, HdrRetryAfter: {"Retry-After", 0}, HdrTimestamp: {"Timestamp", 0},
}

// String returns the field's full name, or "" for HdrOther.
func (id HeaderID) String() string { return headerNames[id].name }

// byLength lists the known fields by the length of their full name, so that a
// name is compared with two or three candidates instead of all.
var byLength = func() (t [24][]HeaderID) {
	for id := HdrOther + 1; id < numHeaderIDs; id++ {
		n := len(headerNames[id].name)
		t[n] = append(t[n], id)
	}
	return t
}()

var byCompact = func() (t [256]HeaderID) {
	for id := HdrOther + 1; id < numHeaderIDs; id++ {
		if c := headerNames[id].compact; c != 0 {
			t[c], t[c-'a'+'A'] = id, id
		}
	}
	return t
}()

// ParseHeaderID returns the number of a field name, full or compact, in any case.
func ParseHeaderID(name []byte) HeaderID {
	if len(name) == 1 {
		return byCompact[name[0]]
	}
	if len(name) >= len(byLength) {
		return HdrOther
	}
	for _, id := range byLength[len(name)] {
		if EqualFold(name, headerNames[id].name) {
			return id
		}
	}
	return HdrOther
}

// EqualFold reports whether b and s are equal without regard to ASCII case.
func EqualFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := 0; i < len(b); i++ {
		if b[i] != s[i] && lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Header is one header line of a message: offsets into its buffer. A folded
// line counts as one.
type Header struct {
	ID   HeaderID
	next uint8 // the index of the next line of the same field, noHeader if none

	Start    uint32 // first byte of the name
	NameEnd  uint32 // one past the name
	ValStart uint32 // first byte of the value, blanks skipped
	ValEnd   uint32 // one past the value, trailing blanks and CRLF excluded
	End      uint32 // one past the line's CRLF
}

const noHeader = 0xff
