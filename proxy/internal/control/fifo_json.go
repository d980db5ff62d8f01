package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"seraph/ctlproto"
)

// Kamailio's codes on the FIFO, which are SIP's.
const (
	fifoBadRequest  = 400
	fifoNotFound    = 404
	fifoServerError = 500
	fifoUnavailable = 503
)

// jsonRequest is a request of Kamailio's framing.
type jsonRequest struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Reply  string          `json:"reply_name"` // of the caller's pipe
	ID     json.RawMessage `json:"id"`
}

// readJSON reads the object of a request.
func (q *jsonRequest) readJSON(object []byte) error {
	if err := json.Unmarshal(lenientJSON(object), q); err != nil {
		return err
	}
	if q.ID != nil && !goodID(q.ID) {
		q.ID = nil
	}
	return nil
}

// maxReplyNames bounds those that replyNames finds.
const maxReplyNames = 4

// replyNames finds the members reply_name in what is no JSON, or more than one request. A
// text in a string of good JSON is not mistaken for one: its quotes are escaped.
func replyNames(broken []byte) (names []string) {
	for rest, more := broken, true; more && len(names) < maxReplyNames; {
		_, rest, more = bytes.Cut(rest, []byte(`"reply_name"`))
		value, colon := bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(":"))
		value, quote := bytes.CutPrefix(bytes.TrimLeft(value, " \t\r\n"), []byte(`"`))
		name, _, ends := bytes.Cut(value, []byte(`"`))
		if more && colon && quote && ends && len(name) > 0 && !slices.Contains(names, string(name)) {
			names = append(names, string(name))
		}
	}
	return names
}

// jsonCall runs a request of Kamailio's framing; without a text no reply can be made.
func (f *FIFO) jsonCall(ctx context.Context, from caller, q *jsonRequest) fifoReply {
	result, refusal := f.server.invoke(ctx, from, q.Method, byOrder(q.Params))
	var hangUp func()
	if pending, ok := result.(*pendingResult); ok {
		result, hangUp = pending.result, pending.hangUp
	}
	members := []jsonMember{{"jsonrpc", json.RawMessage(`"2.0"`)}}
	if refusal != nil {
		code, message := kamailioError(q.Method, refusal)
		raw, _ := json.Marshal(map[string]any{"code": code, "message": message})
		members = append(members, jsonMember{"error", raw})
	} else {
		raw, err := json.Marshal(result)
		if err != nil {
			f.cfg.Log.Error("FIFO: result cannot be encoded", "method", q.Method, "error", err)
			return fifoReply{}
		}
		members = append(members, jsonMember{"result", raw})
	}
	if q.ID != nil {
		members = append(members, jsonMember{"id", q.ID})
	}
	return fifoReply{appendPretty(nil, members), hangUp}
}

// invoke is call with a result that is complete, whatever its size.
func (s *Server) invoke(ctx context.Context, from caller, method string, params json.RawMessage) (any, *ctlproto.Error) {
	if method == ctlproto.MethodEventSubscribe {
		return nil, ctlproto.Errorf(ctlproto.CodeRefused, "%s wants a connection: use the control socket", method)
	}
	result, refusal := s.call(ctx, from, ctlproto.Request{Method: method, Params: params})
	if large, ok := result.(*largeResult); ok {
		large.release()
		return large.raw, refusal
	}
	return result, refusal
}

// kamailioError words a refusal as Kamailio does where its tools look at it.
func kamailioError(method string, e *ctlproto.Error) (code int, message string) {
	switch {
	case e.Code == ctlproto.CodeMethodNotFound:
		return fifoServerError, "Method Not Found"
	case e.Code == ctlproto.CodeNotFound && method == ctlproto.MethodUlLookup:
		return fifoServerError, "AOR not found in location table"
	case e.Code == ctlproto.CodeNotFound && method == ctlproto.MethodUlRmContact:
		return fifoNotFound, "Contact not found"
	case e.Code == ctlproto.CodeNotFound:
		return fifoNotFound, e.Message
	case e.Code == ctlproto.CodeInvalidParams, e.Code == ctlproto.CodeInvalidRequest, e.Code == ctlproto.CodeParse, e.Code == ctlproto.CodeExists:
		return fifoBadRequest, e.Message
	case e.Code == ctlproto.CodeBusy, e.Code == ctlproto.CodeUnavailable:
		return fifoUnavailable, e.Message
	}
	return fifoServerError, e.Message
}

// byOrder makes an array of an object, in the order in which it is written: on the
// FIFO names do not count.
func byOrder(params json.RawMessage) json.RawMessage {
	params = bytes.TrimSpace(params)
	if len(params) == 0 || params[0] != '{' {
		return params
	}
	d := json.NewDecoder(bytes.NewReader(params))
	if _, err := d.Token(); err != nil {
		return params
	}
	array := []byte{'['}
	for d.More() {
		var value json.RawMessage
		if _, err := d.Token(); err != nil {
			return params
		}
		if err := d.Decode(&value); err != nil {
			return params
		}
		if len(array) > 1 {
			array = append(array, ',')
		}
		array = append(array, value...)
	}
	return append(array, ']')
}

// lenientJSON makes JSON of what shell scripts write: raw control characters within
// strings are escaped, and bare words that are no literal (kamctl sends whatever
// printf takes for a number as one: 0x1F, inf) become strings.
func lenientJSON(object []byte) []byte {
	out := make([]byte, 0, len(object)+64)
	for i := 0; i < len(object); {
		switch b := object[i]; {
		case b == '"':
			n := stringEnd(object[i:])
			out = appendString(out, object[i:i+n])
			i += n
		case bytes.IndexByte([]byte("{}[]:, \t\r\n"), b) >= 0:
			out = append(out, b)
			i++
		default:
			n := bytes.IndexAny(object[i:], "{}[]:, \t\r\n\"")
			if n < 0 {
				n = len(object) - i
			}
			word := object[i : i+n]
			if json.Valid(word) {
				out = append(out, word...)
			} else {
				raw, _ := json.Marshal(string(word))
				out = append(out, raw...)
			}
			i += n
		}
	}
	return out
}

// stringEnd returns the length of the string that b begins with, its quotes included.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// appendString appends a string, its control characters escaped.
func appendString(dst, s []byte) []byte {
	for _, b := range s {
		if b < ' ' {
			dst = fmt.Appendf(dst, `\u%04x`, b)
		} else {
			dst = append(dst, b)
		}
	}
	return dst
}
