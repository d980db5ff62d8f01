package sip

// Method is a request method (RFC 3261 §7.1 and the extensions that a proxy meets).
type Method uint8

// The methods that the router knows by number; all others are MethodOther and
// are told apart by their text.
const (
	MethodOther Method = iota
	INVITE
	ACK
	CANCEL
	BYE
	REGISTER
	OPTIONS
	MESSAGE
	REFER
	NOTIFY
	SUBSCRIBE
	PUBLISH
	INFO
	PRACK
	UPDATE
)

var methodNames = [...]string{
	MethodOther: "", INVITE: "INVITE", ACK: "ACK", CANCEL: "CANCEL", BYE: "BYE",
	REGISTER: "REGISTER", OPTIONS: "OPTIONS", MESSAGE: "MESSAGE", REFER: "REFER",
	NOTIFY: "NOTIFY", SUBSCRIBE: "SUBSCRIBE", PUBLISH: "PUBLISH", INFO: "INFO",
	PRACK: "PRACK", UPDATE: "UPDATE",
}

// String returns the method's name, or "" for MethodOther.
func (m Method) String() string { return methodNames[m] }

// ParseMethod returns the number of a method name. Methods are case-sensitive
// (RFC 3261 §7.1).
func ParseMethod(b []byte) Method {
	for i := 1; i < len(methodNames); i++ {
		if string(b) == methodNames[i] {
			return Method(i)
		}
	}
	return MethodOther
}

// miswritten reports whether a method that the router does not know is one that it knows but
// for case: to RFC 3261 §7.1 another method, and to phones that ignore case the same. What
// one end takes for a BYE and the router not is a call that is over and goes on in the accounts.
func miswritten(b []byte) bool {
	for _, name := range methodNames[1:] {
		if EqualFold(b, name) {
			return true
		}
	}
	return false
}
