package ctlproto

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Code is the number of a JSON-RPC error.
type Code int

// JSON-RPC 2.0's own codes.
const (
	CodeParse          Code = -32700 // the line is no JSON; the connection stays usable
	CodeInvalidRequest Code = -32600 // JSON, but no request
	CodeMethodNotFound Code = -32601 // Data is MethodProblem
	CodeInvalidParams  Code = -32602 // Data is ParamProblem
	CodeInternal       Code = -32603 // the reason is in the server's log only
)

// Our codes, in the range that JSON-RPC leaves to servers (-32000 … -32099).
const (
	CodeNotFound    Code = -32001 // no such AoR, contact, call …
	CodeRefused     Code = -32002 // understood, and not done: a rule says no
	CodeBusy        Code = -32003 // a limit is reached; try again later
	CodeUnavailable Code = -32004 // what the method needs is away (database, shutdown)
	CodeTooLarge    Code = -32005 // the request or the reply is over its limit
	CodeExists      Code = -32006 // what is to be added is there, and stays as it is
)

// Error is a JSON-RPC error. A server sends it; a client's call returns it as
// *Error (errors.As). Message is one line for an operator and holds no secret.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// Data is ParamProblem or MethodProblem on the server's side. On the
	// client's side, see Client.Call, it is what encoding/json makes of it.
	Data any `json:"data,omitempty"`
}

// Error is the message, followed by the code for those who want to look it up.
func (e *Error) Error() string {
	return fmt.Sprintf("%s (%d)", e.Message, e.Code)
}

// ParamProblem is Error.Data of CodeInvalidParams.
type ParamProblem struct {
	Field   string `json:"field"`           // the parameter's name; "" = the list as a whole
	Problem string `json:"problem"`         // what was wrong with it
	Index   *int   `json:"index,omitempty"` // in a list: which element, from 0
}

// MethodProblem is Error.Data of CodeMethodNotFound.
type MethodProblem struct {
	Method  string `json:"method"`
	Nearest string `json:"nearest,omitempty"` // the known method that looks most like it
}

// Errorf makes an Error without data.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// TextInvalidParams begins the message of an error of InvalidParam.
const TextInvalidParams = "Invalid params: "

// InvalidParam makes the error for one wrong parameter.
func InvalidParam(field, problem string) *Error {
	message := TextInvalidParams + problem
	if field != "" {
		message = TextInvalidParams + field + ": " + problem
	}
	return &Error{Code: CodeInvalidParams, Message: message, Data: ParamProblem{Field: field, Problem: problem}}
}

// CodeOf is the code of the *Error in err's chain, 0 if there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// OneLine is the text of an error. Where several calls failed, each on a line of its own
// (errors.Join), they stand on one, and equal ones once.
func OneLine(err error) string {
	var texts []string
	for text := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; ")
}

// Errors of a client. They are wrapped; test with errors.Is.
var (
	// ErrUnreachable: nobody listens on the socket, it cannot be opened, or
	// the connection broke before the answer came. In the last case nobody
	// knows whether the call was carried out.
	ErrUnreachable = errors.New("control socket unreachable")
	// ErrClosed: this side closed the client.
	ErrClosed = errors.New("control client closed")
	// ErrProtocol: the other side does not speak this protocol.
	ErrProtocol = errors.New("not the seraph control protocol")
	// ErrNotSent: besides what else it is, an error of a call that never went out as a
	// whole, so that it was certainly not begun.
	ErrNotSent = errors.New("call not sent")
)

// unsent is an error that is ErrNotSent, too. Its text is that of the other.
type unsent struct{ error }

func notSent(err error) error { return unsent{err} }

// Is reports whether target is ErrNotSent.
func (unsent) Is(target error) bool { return target == ErrNotSent }

// Unwrap is the error itself.
func (u unsent) Unwrap() error { return u.error }

// MayHaveBegun reports whether a call that failed with err may have been carried out
// all the same, or be yet: nobody knows of one that was sent and not answered, or of one
// that failed midway. One that was refused, or not sent, was not.
func MayHaveBegun(err error) bool {
	if err == nil || errors.Is(err, ErrNotSent) {
		return false
	}
	code := CodeOf(err)
	return code == 0 || code == CodeInternal
}

// IncompatibleError says that the server speaks another version.
type IncompatibleError struct {
	Hello Hello
}

func (e *IncompatibleError) Error() string {
	return fmt.Sprintf("%s %s speaks version %d of the control protocol, this program version %d: install the same release of both",
		e.Hello.Name, e.Hello.Version, e.Hello.Protocol, ProtocolVersion)
}
