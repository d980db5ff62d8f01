package control

import (
	"context"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// What the methods need of the rest of the proxy. The daemon fills these in;
// one that is nil takes its methods off the list. All are called from many
// goroutines at once. An error that is a *ctlproto.Error goes to the caller as
// it is; any other is logged, and the caller learns only that it failed.
// Strings that control passes on are bounded, valid UTF-8 and free of control
// characters, the text of a message excepted.

// Usrloc is the location table. Addresses are canonical (aor.AOR.String).
type Usrloc interface {
	// Dump calls yield for every address that has a contact until yield
	// returns false. It holds no lock meanwhile: yield may be slow.
	Dump(yield func(address string, contacts []ctlproto.Contact) bool)
	// AoRs is Dump without the contacts.
	AoRs(yield func(address string) bool)
	// Slots says how many shards the table has, and how many addresses the
	// fullest one holds.
	Slots() (count, fullest int)
	// Lookup returns the contacts of one address, highest q first; none = nil.
	Lookup(address string) []ctlproto.Contact
	// Add adds a contact or replaces the one with the same URI; it returns when
	// the change is durable. Of c only what UlAddParams has is set.
	Add(ctx context.Context, address string, c ctlproto.Contact) error
	// Remove removes all contacts of an address; false = it has none.
	Remove(ctx context.Context, address string) (bool, error)
	// RemoveContact removes the contacts with this URI; false = not there.
	RemoveContact(ctx context.Context, address, contact string) (bool, error)
	// RemoveBinding is RemoveContact for the phone alone whose binding has this ruid.
	RemoveBinding(ctx context.Context, address, contact, ruid string) (bool, error)
	// Flush writes what is pending to the database and waits for it.
	Flush(ctx context.Context) error
}

// Statistics are the counters of the whole proxy.
type Statistics interface {
	// Statistics calls yield for each counter, in any order.
	Statistics(yield func(group, name string, value int64))
}

// StatisticsFunc is a function that is Statistics.
type StatisticsFunc func(yield func(group, name string, value int64))

// Statistics calls f.
func (f StatisticsFunc) Statistics(yield func(group, name string, value int64)) { f(yield) }

// Tm is the transaction layer.
type Tm interface {
	TmStats() ctlproto.TmStats
	// TmList returns the transactions in memory, the oldest first, at most limit: those
	// of one Call-ID, or all if that is empty. It is never nil.
	TmList(callID string, limit int) []ctlproto.TmTransaction
}

// Sl is the sender of stateless replies.
type Sl interface {
	SlStats() ctlproto.SlStats
}

// Ctd is click-to-dial.
type Ctd interface {
	// Dial starts an attempt and returns its id without waiting for a phone.
	// Caller is canonical, Callee a URI as aor.CanonicalURI makes it.
	Dial(ctx context.Context, p ctlproto.CtdDialParams) (id string, err error)
	// Status tells how an attempt stands; false = no such id (any more).
	Status(id string) (ctlproto.CtdStatus, bool)
	// List returns the attempts that are remembered, those that have not ended first, and of
	// each the newest first: those of caller, or all if that is empty. It is never nil.
	List(caller string, limit int) []ctlproto.CtdStatus
	// Cancel ends an attempt; CodeNotFound or CodeRefused if that cannot be.
	Cancel(ctx context.Context, id, actor string) error
}

// Messages sends messages.
type Messages interface {
	// Send sends p.Text, which may have tabs and line breaks, and waits for what
	// becomes of it; that nobody took it is a result. From is canonical, To a sip
	// or sips URI as aor.CanonicalURI makes it. A text that does not fit one
	// request is CodeInvalidParams.
	Send(ctx context.Context, p ctlproto.ImSendParams) (ctlproto.ImSendResult, error)
}

// Silo is the message store.
type Silo interface {
	// List returns a page of the owner's messages, oldest first, and counts all.
	// Limit is from 1 to ctlproto.MaxMessages.
	List(ctx context.Context, owner aor.AOR, limit, offset int) (ctlproto.MsiloListResult, error)
	// Remove removes messages and returns how many of them were the owner's
	// and still there.
	Remove(ctx context.Context, owner aor.AOR, ids []int64) (int, error)
	// MarkRead notes that the owner has read messages and returns how many of
	// them were the owner's and unread.
	MarkRead(ctx context.Context, owner aor.AOR, ids []int64) (int, error)
	// Dump starts to deliver what is stored for owner, and returns how many
	// messages that are, without waiting for a phone; CodeRefused if owner has
	// none registered.
	Dump(ctx context.Context, owner aor.AOR) (int, error)
}

// Uac sends requests of the router's own outside any dialog.
type Uac interface {
	// Options sends OPTIONS to a sip or sips URI through the routing script and
	// waits for the final response.
	Options(ctx context.Context, uri string) (status int, reason string, err error)
}

// UacRequest is a request that a script of the operator's has worded. Headers and Body
// have no limit but the caller's; they are lines, checked by who sends them.
type UacRequest struct {
	Method, URI   string // URI as aor.CanonicalURI makes it
	Headers, Body string
}

// UacReply is the final response to it; Target and Routes are empty without one.
type UacReply struct {
	Status  int
	Reason  string
	Target  string   // the URI in its Contact
	Routes  []string // the route set, as name-addr
	Headers string   // lines, ending in CRLF
}

// UacPending is a request that has been sent.
type UacPending interface {
	// Wait waits for the final response, at most once. When ctx ends first, it does
	// as HangUp.
	Wait(ctx context.Context) (UacReply, error)
	// HangUp ends the call that an INVITE has begun: with CANCEL, or with BYE if it was
	// or is answered. Of other requests it changes nothing.
	HangUp()
}

// Requests sends requests that others have worded, as SER's t_uac_dlg did.
type Requests interface {
	// Request sends r, within the dialog that its Call-ID and tags name if they do.
	// CodeInvalidParams if it cannot be sent.
	Request(r UacRequest) (UacPending, error)
	// CancelRequest cancels an INVITE of Request; false if there is none that rings.
	CancelRequest(callID string, seq uint32) bool
	// HostPort is the address under which the router is reached.
	HostPort() string
}

// Presence tells who is on line, after its owner's privacy.
type Presence interface {
	// Statuses answers for each address, in their order. The zero viewer is
	// somebody who is not signed in.
	Statuses(ctx context.Context, viewer aor.AOR, addresses []aor.AOR) ([]ctlproto.PresenceStatus, error)
}

// Script checks a routing script without running it.
type Script interface {
	// Check returns every fault of text, or where there is none the remarks on it;
	// name stands for it in messages, and if it is a path, relative includes start in
	// its folder. read says that the proxy has read the text from its file: then
	// nothing is shown of it unless it is a script.
	Check(name, text string, read bool) (faults, remarks []ctlproto.ScriptError)
}

// ScriptFunc is a function that is a Script.
type ScriptFunc func(name, text string, read bool) (faults, remarks []ctlproto.ScriptError)

// Check calls f.
func (f ScriptFunc) Check(name, text string, read bool) (faults, remarks []ctlproto.ScriptError) {
	return f(name, text, read)
}

// ScriptReloader lets the proxy run through its script as it stands in its file now.
type ScriptReloader interface {
	// Reload returns what is wrong with the script as a result.
	Reload(ctx context.Context) (ctlproto.ScriptReloadResult, error)
}

// Credentials is the cache of HA1s.
type Credentials interface {
	// Forget drops what is cached for one user, found or not.
	Forget(user aor.AOR)
}

// Reloader is a cache of a table.
type Reloader interface {
	// Reload reads the table again. If it fails, the old content stays.
	Reload(ctx context.Context) error
}

// ReloaderFunc is a function that is a Reloader.
type ReloaderFunc func(ctx context.Context) error

// Reload calls f.
func (f ReloaderFunc) Reload(ctx context.Context) error { return f(ctx) }

// DomainList tells which domains are ours.
type DomainList interface {
	// Domains returns them sorted.
	Domains() []string
}
