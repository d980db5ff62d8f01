package ctlproto

import (
	"context"
	"fmt"
	"time"
)

// The methods of the dialog table.
const (
	MethodDlgList        = "dlg.list"          // → []Dialog
	MethodDlgStatsActive = "dlg.stats_active"  // → DlgStatsActive
	MethodDlgEnd         = "dlg.end"           // DlgEndParams → DlgEndResult
	MethodDlgTerminate   = "dlg.terminate_dlg" // call-id from_tag to_tag → DlgEndResult
	MethodDlgEndDlg      = "dlg.end_dlg"       // h_entry h_id → DlgEndResult
)

// States of a Dialog, Kamailio's numbers.
const (
	DlgUnconfirmed = 1 // the INVITE is out
	DlgEarly       = 2 // it rings
	DlgUnacked     = 3 // answered, the ACK has not come
	DlgConfirmed   = 4
)

// Dialog is an element of the result of dlg.list. Times are Unix seconds.
type Dialog struct {
	HEntry  uint32 `json:"h_entry"` // with HID, names the dialog for dlg.end
	HID     uint32 `json:"h_id"`
	CallID  string `json:"call-id"`
	FromURI string `json:"from_uri"`
	ToURI   string `json:"to_uri"`
	State   int    `json:"state"`
	StartTS int64  `json:"start_ts"` // when it was answered, 0: it was not
	InitTS  int64  `json:"init_ts"`  // when the INVITE came
	Timeout int64  `json:"timeout"`  // when it is over unless renewed
	// Lifetime is how long a call may be up without being renewed, in seconds.
	Lifetime int64       `json:"lifetime"`
	Caller   DialogParty `json:"caller"`
	Callee   DialogParty `json:"callee"`
}

// DialogParty is one end of a Dialog. Contact and RouteSet are a stranger's text.
type DialogParty struct {
	Tag      string `json:"tag"`
	Contact  string `json:"contact"`
	CSeq     uint32 `json:"cseq"` // of its last request, 0: none
	RouteSet string `json:"route_set"`
	Socket   string `json:"socket"` // ours, by which it is reached
	// AoR and Remote are ours: the address of record if it is one of our users (the
	// caller has proven that), and from where it was last heard.
	AoR    string `json:"aor"`
	Remote string `json:"remote"`
}

// DlgStatsActive is the result of dlg.stats_active.
type DlgStatsActive struct {
	Starting   int `json:"starting"`   // DlgUnconfirmed
	Connecting int `json:"connecting"` // DlgEarly
	Answering  int `json:"answering"`  // DlgUnacked
	Ongoing    int `json:"ongoing"`    // DlgConfirmed
	All        int `json:"all"`
}

// DlgEndParams are the parameters of dlg.end: a Call-ID, perhaps with tags, or both
// numbers of dlg.list.
type DlgEndParams struct {
	CallID  string `json:"call-id,omitempty"`
	FromTag string `json:"from_tag,omitempty"`
	ToTag   string `json:"to_tag,omitempty"`
	HEntry  uint32 `json:"h_entry,omitempty"`
	HID     uint32 `json:"h_id,omitempty"`
	Actor   string `json:"actor,omitempty"` // who asks, for the log; not a permission
}

// DlgEndResult is the result of dlg.end.
type DlgEndResult struct {
	Ended []DlgEnded `json:"ended"` // the calls that were up
	// Cancelled is how many calls were ended that nobody had answered.
	Cancelled int `json:"cancelled"`
}

// DlgEnded says how each side of a call answered the BYE.
type DlgEnded struct {
	CallID  string    `json:"call-id"`
	FromTag string    `json:"from_tag"`
	ToTag   string    `json:"to_tag"`
	Caller  DlgAnswer `json:"caller"`
	Callee  DlgAnswer `json:"callee"`
}

// Gone reports whether both sides are out of the call.
func (x DlgEnded) Gone() bool { return x.Caller.Gone() && x.Callee.Gone() }

// DlgAnswer is a final response. 408 without one; 0 if the BYE could not be sent.
type DlgAnswer struct {
	Code int    `json:"code"`
	Text string `json:"text"`
}

// Gone reports whether the side is out of the call: it has taken the BYE, knows of no call, or
// is not reached (RFC 3261 §15.1.1). With any other answer the call goes on, and the router
// tries again.
func (x DlgAnswer) Gone() bool {
	return x.Code == 0 || x.Code/100 == 2 || x.Code == 481 || x.Code == 408
}

// DialogState is what a DialogEvent tells.
type DialogState string

// The states.
const (
	DialogAnswered DialogState = "answered"
	DialogEnded    DialogState = "ended"
)

// Who has ended a call. The column call_log.hung_up_by has the same words.
const (
	HungUpCaller = "caller"
	HungUpCallee = "callee"
	HungUpRouter = "router"
)

// DialogEvent tells that a call was answered, or that one that was has ended. It is not
// yet held against anybody's privacy: ask presence.get before you show it to somebody.
type DialogEvent struct {
	CallID   string      `json:"call_id"`
	FromTag  string      `json:"from_tag"`
	ToTag    string      `json:"to_tag"`
	State    DialogState `json:"state"`
	At       time.Time   `json:"at"`     // UTC
	Caller   string      `json:"caller"` // user@domain, "" = none of our users
	Callee   string      `json:"callee"`
	HungUpBy string      `json:"hung_up_by,omitempty"` // HungUpCaller and so on; "" = not known
}

// Dialog decodes the data of an event of TopicDialog.
func (e Event) Dialog() (DialogEvent, error) {
	var d DialogEvent
	return d, e.decode(TopicDialog, &d)
}

// DlgList lists the dialogs that are not over, the oldest first.
func (m Methods) DlgList(ctx context.Context) ([]Dialog, error) {
	return result[[]Dialog](ctx, m, MethodDlgList, nil)
}

// DlgStatsActive counts the dialogs by state.
func (m Methods) DlgStatsActive(ctx context.Context) (DlgStatsActive, error) {
	return result[DlgStatsActive](ctx, m, MethodDlgStatsActive, nil)
}

// DlgEnd hangs up calls and waits until their phones have answered. CodeNotFound if
// there is none.
func (m Methods) DlgEnd(ctx context.Context, p DlgEndParams) (DlgEndResult, error) {
	if p.CallID == "" && p.HID == 0 {
		return DlgEndResult{}, fmt.Errorf("dlg.end: neither a Call-ID nor the numbers of a dialog")
	}
	return result[DlgEndResult](ctx, m, MethodDlgEnd, p)
}
