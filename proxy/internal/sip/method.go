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
