package relay

import (
	"errors"
	"net/netip"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// MaxBranches is the largest number of branches of one request (RFC 3261
// §16.6; SER's limit is 12).
const MaxBranches = 16

// What a script can do wrong with a request.
var (
	ErrTooManyBranches = errors.New("too many branches")
	ErrNoTransaction   = errors.New("no transaction")
	ErrNoTarget        = errors.New("no target that a request can be sent to")
	ErrAlreadyReplied  = errors.New("a final reply was sent already")
	ErrBadTarget       = errors.New("target is not a sip URI")
	ErrInsecure        = errors.New("a sips URI must not be sent to without TLS")
	ErrOverload        = errors.New("too many requests wait or are under way")
)

// Target is where a branch goes (RFC 3261 §16.5).
type Target struct {
	URI  []byte // the branch's Request-URI
	Next []byte // a URI to send to in place of URI (an outbound proxy, Path, alias); nil for none
	// NextOf says whose word Next is.
	NextOf NextOf
	Flow   transport.Flow // where to send whatever the URIs say (a binding's flow); the zero Flow for none
	// Extra is header lines that are the branch's own, each ending in CRLF; nil for none.
	Extra []byte
	// Route is the value of a Route header that is the branch's own, in front of
	// those received (a binding's Path, RFC 3327 §5.4); nil for none.
	Route []byte
	Q     int16 // preference in thousandths, 0 to 1000
	// Group is the phone's number where it has more flows than this one (AddFlow), else 0.
	Group uint32
	// Flags are the branch's flags.
	Flags uint32
	// Given says that a user has said where the target is, and no phone has come from
	// there: it must not lead to a gateway or to us. Whoever has the script's word for
	// another place takes it back (Elsewhere), but for a next hop, which may go again.
	Given bool
	// Came is where the REGISTER of a phone came from by UDP whose flow the target has been left without (LeaveFlow):
	// nobody can register so from elsewhere, and so a given target may lead there whatever else is at that place, such as
	// a PBX that is a gateway, too.
	Came netip.AddrPort
	// Redirected says of a given target that it is the contact of a 3xx. It may lead to the router itself,
	// where the script is asked: so phones have calls forwarded to our own users.
	Redirected bool
	// Hosted says that the script has written the host of URI.
	Hosted bool
	// Phone says that lookup has found it: where there is no connection to it, nobody is
	// there (480), while a server would be out of service.
	Phone bool
	// NoConnect says that no connection is opened for it: see ForwardNoConnect.
	NoConnect bool
	// Secured says that it must not leave TLS, whatever the request is for: see Request.Secure.
	Secured bool
}

// texts are what of a target lies in memory: whoever keeps a target keeps these.
func (t *Target) texts() [4]*[]byte { return [...]*[]byte{&t.URI, &t.Next, &t.Route, &t.Extra} }

// Request is one message in the hands of the script: a request on its way
// through the request route or a failure route, or a response in a reply route.
// It belongs to one worker and is used again for the next message, so nothing
// of it may be kept beyond the route.
type Request struct {
	Engine *Engine
	// Owner is what the script keeps beside the request, set once by
	// Hooks.NewRequest.
	Owner any

	Msg  *sip.Message // the message that is looked at: in a reply route, the response
	From transport.Flow

	Main Target   // branch 0, which the script's R-URI functions change
	More []Target // what append_branch and lookup added

	// Kept is what the script keeps with the transaction: Relay takes it along, and
	// failure and reply routes get it back.
	Kept []byte

	perMessage

	worker   *transport.Worker
	branched *branched // what branch routes made of it
	arena    arena
	own      sip.Message
	uri      sip.URI

	key        txn.Key
	scratch    []byte               // what is being written
	load       *Load                // what it is counted as; nil for nothing
	hosts      [MaxHosts]netip.Addr // of its dialog, as the table knows them; see hostsKnown
	replyLines []byte               // header lines for the replies made here
	tag        [32]byte             // of the reply that is being written
	ways       [MaxBranches]way
	rest       int  // where, in scratch, what follows our Via and Record-Route begins
	needLength bool // write Content-Length, whatever carries the request
	later      contacts
	flows      []Target // what AddFlow added
}

// perMessage is what of a Request is one message's alone and is made zero for the next one, as a whole. What has
// memory that is used again stays outside, and what is large and is written before it is read.
type perMessage struct {
	terms
	wishes

	// Call is the transaction, nil before there is one.
	Call *Call

	// Local is the identity that the router's own user agent speaks for; nil for
	// whatever came from the network.
	Local *Local
	Auth  Identity

	// The failure and branch routes armed for the transaction, as numbered by the script; 0 is none.
	OnFailure, OnBranch int

	// Callee is the canonical address that lookup looked for: who is called. It is the first
	// one if it was called more than once, see Seek. It is nil before lookup.
	Callee    []byte
	forwarded bool // Forwarded was called since
	// Found says that lookup has found where that is.
	Found bool
	// FoundCallee is the canonical address that lookup found phones of, see SetFound; nil if it found none. It is
	// another one than Callee where the script has looked for one in vain first. In a failure route it is whose
	// phones the request route has sent to, or whom the call was forwarded to since.
	FoundCallee []byte
	// Saved says that save has taken this REGISTER, be the change durable yet or not.
	Saved bool

	// ForgetOld says that Relay in a failure route forgets the replies of the branches before,
	// as DropReplies does.
	ForgetOld bool
	// ManageDialog says that dlg_manage was called.
	ManageDialog bool
	// Final is, in a failure route, the status of the best reply since the request was last
	// sent on; in a reply route, the status of the response.
	Final int
	// BranchIndex is, in a branch route, the number of the branch, from 0.
	BranchIndex int
	// Replied says that the request has got a final answer, sent or parked, so
	// that nothing (sl_reply_error above all) sends a second one.
	Replied bool

	route  routeKind
	hooks  Hooks   // the script that it runs through
	branch *Branch // in a reply or branch route
	parsed []byte  // the text that uri was parsed from
	parked bool

	nextRoute     []byte  // the Route after ours, where the request goes
	names         [2]name // the renamed headers
	params        params  // of the Record-Route, the script's
	share         uint32  // what Max-Breadth each branch gets, 0 for what came
	sentBack      bool    // see SentBack
	astray        bool    // lookup has looked for somebody else than was judged
	stamped       bool
	routesDropped bool
	followsPath   bool           // FollowPath was called
	viaFlow       bool           // a Route of ours leads to a flow
	flowGone      bool           // … which is no more
	routeFlow     transport.Flow // … and this is it
	ownFlow       transport.Flow // what a Route of ours within a dialog says is the sender's
	recursed      bool           // Redirects has added targets
	authorized    bool           // Authorize has added a target
	hostsKnown    bool           // hosts was asked for
	unreadRoute   bool           // the Route after ours cannot be read
	vouchedFor    bool           // a gateway has named its target, by our Route
	underway      bool           // Relay has sent the request on
	last          Target         // what AsSent compares with; without a URI before Relay
}

type routeKind uint8

const (
	inRequest routeKind = iota
	inFailure
	inReply
)

// reset makes r ready for the message msg that came from from.
func (r *Request) reset(w *transport.Worker, msg *sip.Message, from transport.Flow) {
	r.perMessage = perMessage{}
	r.Msg, r.From, r.worker = msg, from, w
	r.Main, r.More = Target{URI: msg.RequestURI()}, r.More[:0]
	r.Kept, r.replyLines = r.Kept[:0], r.replyLines[:0]
	r.flows = r.flows[:0]
	r.forgetBranches()
	r.DropLoad()
	r.later.clear()
	r.arena.reset()
}

// takeRequest is one for what is done with a call later, when no worker has its request at hand.
func (e *Engine) takeRequest() *Request { return e.spare.Get().(*Request) }

// giveRequest takes it back.
func (e *Engine) giveRequest(r *Request) {
	r.Call = nil
	r.own.Reset()
	e.spare.Put(r)
}

// Keep copies b into memory that lasts as long as the request is worked on.
func (r *Request) Keep(b []byte) []byte { return r.arena.keep(b) }

// maxURI bounds a Request-URI that is made here, in bytes.
const maxURI = 8 << 10

// ErrLongURI says that a Request-URI has become too long.
var ErrLongURI = errors.New("the Request-URI would be too long")

// SetURI makes b, which is copied, the present Request-URI. A URI that cannot be
// parsed, or has grown beyond maxURI, leaves the old one in place.
func (r *Request) SetURI(b []byte) error {
	if len(b) > maxURI && len(b) > len(r.Main.URI) {
		return ErrLongURI
	}
	var u sip.URI
	if err := sip.ParseURI(b, &u); err != nil {
		return err
	}
	r.Main.URI = r.Keep(b)
	r.parsed = nil
	return nil
}

// URI parses the present Request-URI.
func (r *Request) URI() (*sip.URI, error) {
	if len(r.parsed) > 0 && len(r.parsed) == len(r.Main.URI) && &r.parsed[0] == &r.Main.URI[0] {
		return &r.uri, nil
	}
	if err := sip.ParseURI(r.Main.URI, &r.uri); err != nil {
		r.parsed = nil
		return nil, err
	}
	r.parsed = r.Main.URI
	return &r.uri, nil
}

// SetTarget makes t the first branch; the texts are copied.
func (r *Request) SetTarget(t Target) { r.Main, r.parsed = r.keepTarget(t), nil }

// AddTarget adds a branch; the texts are copied.
func (r *Request) AddTarget(t Target) error {
	if len(r.More)+1 >= MaxBranches {
		return ErrTooManyBranches
	}
	r.More = append(r.More, r.keepTarget(t))
	return nil
}

func (r *Request) keepTarget(t Target) Target {
	for _, text := range t.texts() {
		*text = r.Keep(*text)
	}
	t.Secured = t.Secured || r.secured
	return t
}

// arenaSize holds the URIs of an ordinary request; larger ones make the arena
// grow by a block that the collector takes back.
const arenaSize = 8 << 10

// arena is a block of memory that is given away in pieces and taken back whole.
type arena struct{ block []byte }

func (a *arena) reset() { a.block = a.block[:0] }

func (a *arena) keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	if cap(a.block)-len(a.block) < len(b) {
		a.block = make([]byte, 0, max(arenaSize, len(b)))
	}
	start := len(a.block)
	a.block = append(a.block, b...)
	return a.block[start:len(a.block):len(a.block)]
}
