package usrloc

import (
	"errors"
	"math"

	"seraph/proxy/internal/transport"
)

// What can be wrong with a Registration as a whole. Nothing is changed then.
var (
	// ErrOutOfOrder: a binding was changed by a request with the same Call-ID
	// and a CSeq that is not lower (RFC 3261 §10.3 step 7).
	ErrOutOfOrder = errors.New("CSeq is not above that of an earlier request with the same Call-ID")
	// ErrTooManyContacts: the address would have more than MaxContacts, or of those that
	// were added by hand more than MaxAdded.
	ErrTooManyContacts = errors.New("too many contacts")
	// ErrRegistered: a phone has registered what is to be added by hand.
	ErrRegistered = errors.New("a phone has registered this contact")
	// ErrBusy: too many changes wait for the database.
	ErrBusy = errors.New("too many changes wait for the database")
	// ErrParked: this is a retransmission of a request that waits for the
	// database and will be answered then.
	ErrParked = errors.New("the answer to this request waits for the database")
)

// Forever as Contact.Expires makes a permanent binding.
const Forever = math.MaxUint32

// Contact is one contact of a Registration. Its texts are copied.
type Contact struct {
	URI      []byte // 1 to MaxContact characters, UTF-8
	Received []byte // at most MaxReceived
	Instance []byte // at most MaxInstance, without quotes
	RegID    int32  // counts together with Instance only (RFC 5626 §6)
	Expires  uint32 // seconds; 0 removes the binding
	Q        int16  // thousandths, or NoQ
	Methods  uint32
	CFlags   uint32
	Flow     transport.Flow
}

// Registration is one change of the bindings of an address: what a REGISTER
// asks for (RFC 3261 §10.3). All of it happens, or nothing. Its texts are copied.
type Registration struct {
	AoR       []byte // canonical, as aor.AppendCanonical makes it
	CallID    []byte // at most MaxCallID characters
	CSeq      uint32
	UserAgent []byte
	Path      []byte // at most MaxPath
	// Proxied says that the REGISTER came by a proxy, whether its Path is kept or not.
	Proxied bool
	Socket  string // transport.Socket.Name of where it came in
	Flags   uint32
	// RemoveAll removes every binding ("Contact: *"); Contacts is ignored.
	RemoveAll bool
	// Only removes every binding that Contacts does not name.
	Only bool
	// Unordered leaves the order of Call-ID and CSeq unchecked: an operator's
	// change has none. A contact that it removes is removed from all phones that have it.
	Unordered bool
	// RUID is the row of a binding of the phone that such a removal means alone, with its
	// other flows (RFC 5626); "" for all phones.
	RUID string
	// MaxContacts bounds the contacts of the address; 0 for no bound.
	MaxContacts int
	// Yields says of a binding whether it gives way, the highest first, where there would
	// be more than MaxContacts: 0 is never. Of equal ones the one that expires first goes.
	// nil: none gives way. The table is locked meanwhile.
	Yields func(b *Binding) int
	// MaxAdded bounds those of them that ul.add made or that are permanent; 0 for no
	// bound.
	MaxAdded int
	// ByHand says that no contact takes the place of one that a phone has registered: it
	// knows better how it is reached.
	ByHand   bool
	Contacts []Contact
}

// Change says what a Registration did.
type Change uint8

// The kinds of change, the strongest first.
const (
	Fetched  Change = iota // nothing was asked for, or all of it was so already
	Inserted               // there is a new binding
	Updated                // a binding was refreshed
	Removed                // a binding was removed
)

// Receipt is told once how a change ended that waited for the database: err is
// nil when it is durable; otherwise it has been undone.
type Receipt interface{ Settled(err error) }

// Errors that a Receipt gets.
var (
	// ErrLate: the database did not take the change in time.
	ErrLate = errors.New("the database did not take the change in time")
	// ErrRefused: the database refuses this row.
	ErrRefused = errors.New("the database refuses the row")
)
