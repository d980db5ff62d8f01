package ctlproto

import "time"

// MaxTmList is how many transactions tm.list returns at most.
const MaxTmList = 1000

// TmListParams are the parameters of tm.list.
type TmListParams struct {
	CallID string `json:"callid,omitempty"` // "": of every call
	Limit  int    `json:"limit,omitempty"`  // 1 to MaxTmList; absent: 100
}

// TmTransaction is an element of the result of tm.list: a server transaction and the
// branches of its request. The texts are a stranger's. They are empty where the router
// keeps no message of the transaction any more: of an INVITE that was answered with 2xx.
type TmTransaction struct {
	Method string `json:"method"`
	From   string `json:"from"` // the header's value, with its tag
	To     string `json:"to"`
	CallID string `json:"callid"`
	CSeq   string `json:"cseq"`
	// UASRequest is "yes" for a request that was received, "no" for one of the router's own.
	UASRequest string    `json:"uas_request"`
	State      string    `json:"state"`  // RFC 3261 §17.2: trying, proceeding, completed, confirmed, accepted
	Status     int       `json:"status"` // of the last reply that was sent, 0: none
	Began      time.Time `json:"began"`
	Age        int64     `json:"age"`    // seconds since then
	Source     string    `json:"source"` // "udp:192.0.2.7:5060", "" for the router itself
	Outgoings  int       `json:"outgoings"`
	// Branches are the copies of the request that were sent on.
	Branches []TmBranch `json:"branches"`
}

// TmBranch is one copy of a request on its way to one target.
type TmBranch struct {
	URI    string `json:"uri"`
	Remote string `json:"remote"` // "udp:192.0.2.7:5060"
	State  string `json:"state"`  // RFC 3261 §17.1: calling, proceeding, completed, accepted, terminated
}
