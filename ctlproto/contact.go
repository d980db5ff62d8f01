package ctlproto

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Contact is one binding of an address of record. In Go an absent value is ""
// or 0; on the wire it is Kamailio's word for it ("n/a", "[not set]",
// "permanent"), and the members stand in Kamailio's order.
type Contact struct {
	Address       string        // the Contact's URI, without < >
	Expires       time.Duration // what is left, whole seconds on the wire; ignored if Permanent
	Permanent     bool          // never expires by itself
	Q             float64       // 0 … 1; -1 = none given
	CallID        string
	CSeq          int64
	UserAgent     string
	Received      string // source URI (sip:ip:port;transport=…), if it is not Address
	Path          string
	State         string // StateNew, StateSync or StateDirty
	Flags         uint32
	CFlags        uint32
	Socket        string // the proxy's own socket: "udp:192.0.2.1:5060"
	Methods       uint32 // bit mask of the methods that it takes; 4294967295 = all
	RUID          string // identity of the row in table location
	Instance      string // +sip.instance (RFC 5626)
	RegID         int64
	ServerID      int64
	TCPConnID     int64 // -1 = no connection
	Keepalive     bool
	LastKeepalive time.Time // zero = never
	KARoundtrip   time.Duration
	LastModified  time.Time
}

// States of a Contact: not yet in the database, the same there, changed since.
const (
	StateNew   = "CS_NEW"
	StateSync  = "CS_SYNC"
	StateDirty = "CS_DIRTY"
)

const (
	wordPermanent = "permanent"
	wordNotSet    = "[not set]"
	wordNoAgent   = "n/a"
)

// wireContact is Contact as Kamailio writes it.
type wireContact struct {
	Address       string      `json:"Address"`
	Expires       wireExpires `json:"Expires"`
	Q             float64     `json:"Q"`
	CallID        string      `json:"Call-ID"`
	CSeq          int64       `json:"CSeq"`
	UserAgent     string      `json:"User-Agent"`
	Received      string      `json:"Received"`
	Path          string      `json:"Path"`
	State         string      `json:"State"`
	Flags         uint32      `json:"Flags"`
	CFlags        uint32      `json:"CFlags"`
	Socket        string      `json:"Socket"`
	Methods       uint32      `json:"Methods"`
	RUID          string      `json:"Ruid"`
	Instance      string      `json:"Instance"`
	RegID         int64       `json:"Reg-Id"`
	ServerID      int64       `json:"Server-Id"`
	TCPConnID     int64       `json:"Tcpconn-Id"`
	Keepalive     int         `json:"Keepalive"`
	LastKeepalive int64       `json:"Last-Keepalive"` // Unix seconds
	KARoundtrip   int64       `json:"KA-Roundtrip"`   // microseconds
	LastModified  int64       `json:"Last-Modified"`  // Unix seconds
}

// wireExpires is a number of seconds or the word "permanent".
type wireExpires struct {
	seconds   int64
	permanent bool
}

func (e wireExpires) MarshalJSON() ([]byte, error) {
	if e.permanent {
		return []byte(`"` + wordPermanent + `"`), nil
	}
	return strconv.AppendInt(nil, e.seconds, 10), nil
}

func (e *wireExpires) UnmarshalJSON(b []byte) error {
	if string(b) == `"`+wordPermanent+`"` {
		*e = wireExpires{permanent: true}
		return nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return fmt.Errorf("Expires: want seconds or %q, have %s", wordPermanent, b)
	}
	*e = wireExpires{seconds: n}
	return nil
}

// MarshalJSON writes c as Kamailio's ul.lookup does.
func (c Contact) MarshalJSON() ([]byte, error) {
	w := wireContact{
		Address: c.Address, Expires: wireExpires{int64(c.Expires / time.Second), c.Permanent}, Q: c.Q,
		CallID: c.CallID, CSeq: c.CSeq, UserAgent: orWord(c.UserAgent, wordNoAgent),
		Received: orWord(c.Received, wordNotSet), Path: orWord(c.Path, wordNotSet), State: c.State,
		Flags: c.Flags, CFlags: c.CFlags, Socket: orWord(c.Socket, wordNotSet), Methods: c.Methods,
		RUID: orWord(c.RUID, wordNotSet), Instance: orWord(c.Instance, wordNotSet),
		RegID: c.RegID, ServerID: c.ServerID, TCPConnID: c.TCPConnID,
		LastKeepalive: unixOrZero(c.LastKeepalive), KARoundtrip: c.KARoundtrip.Microseconds(),
		LastModified: unixOrZero(c.LastModified),
	}
	if c.Keepalive {
		w.Keepalive = 1
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads MarshalJSON's form.
func (c *Contact) UnmarshalJSON(b []byte) error {
	var w wireContact
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*c = Contact{
		Address: w.Address, Expires: time.Duration(w.Expires.seconds) * time.Second, Permanent: w.Expires.permanent, Q: w.Q,
		CallID: w.CallID, CSeq: w.CSeq, UserAgent: lessWord(w.UserAgent, wordNoAgent),
		Received: lessWord(w.Received, wordNotSet), Path: lessWord(w.Path, wordNotSet), State: w.State,
		Flags: w.Flags, CFlags: w.CFlags, Socket: lessWord(w.Socket, wordNotSet), Methods: w.Methods,
		RUID: lessWord(w.RUID, wordNotSet), Instance: lessWord(w.Instance, wordNotSet),
		RegID: w.RegID, ServerID: w.ServerID, TCPConnID: w.TCPConnID, Keepalive: w.Keepalive != 0,
		LastKeepalive: timeOrZero(w.LastKeepalive), KARoundtrip: time.Duration(w.KARoundtrip) * time.Microsecond,
		LastModified: timeOrZero(w.LastModified),
	}
	return nil
}

func orWord(value, word string) string {
	if value == "" {
		return word
	}
	return value
}

func lessWord(value, word string) string {
	if value == word {
		return ""
	}
	return value
}

func unixOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func timeOrZero(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
