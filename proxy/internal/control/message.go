package control

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"seraph/ctlproto"
)

// maxID is the longest id of a request, in bytes: it is sent back.
const maxID = 128

// parseRequest reads one line. When it refuses, the request still has its ID
// if that could be read.
func parseRequest(line []byte) (ctlproto.Request, *ctlproto.Error) {
	var request ctlproto.Request
	if !utf8.Valid(line) {
		return request, ctlproto.Errorf(ctlproto.CodeParse, "Parse error: the line is not UTF-8")
	}
	if !json.Valid(line) {
		return request, ctlproto.Errorf(ctlproto.CodeParse, "Parse error: %s", syntaxProblem(line))
	}
	switch line = bytes.TrimSpace(line); line[0] {
	case '{':
	case '[':
		return request, invalidRequest("batches are not served: send one request a line")
	default:
		return request, invalidRequest("want an object")
	}
	var fields map[string]json.RawMessage // exact names: encoding/json would ignore their case
	if err := json.Unmarshal(line, &fields); err != nil {
		return request, ctlproto.Errorf(ctlproto.CodeParse, "Parse error: %s", err)
	}
	if id, ok := fields["id"]; ok {
		if !goodID(id) {
			return request, invalidRequest("id: want a number, a string or null of at most 128 bytes")
		}
		request.ID = id
	}
	if json.Unmarshal(fields["jsonrpc"], &request.JSONRPC) != nil || request.JSONRPC != ctlproto.Version {
		return request, invalidRequest(`jsonrpc: want "2.0"`)
	}
	if json.Unmarshal(fields["method"], &request.Method) != nil || request.Method == "" {
		return request, invalidRequest("method: want a string")
	}
	request.Params = fields["params"]
	if raw, ok := fields["deadline"]; ok && (json.Unmarshal(raw, &request.Deadline) != nil || request.Deadline < 0) {
		return request, invalidRequest("deadline: want milliseconds of Unix time")
	}
	return request, nil
}

// syntaxProblem words what encoding/json has against line.
func syntaxProblem(line []byte) string {
	var any json.RawMessage
	if err := json.Unmarshal(line, &any); err != nil {
		return err.Error()
	}
	return "no JSON"
}

func goodID(id json.RawMessage) bool {
	if len(id) > maxID {
		return false
	}
	switch id[0] {
	case '{', '[', 't', 'f':
		return false
	}
	return true
}

func invalidRequest(problem string) *ctlproto.Error {
	return ctlproto.Errorf(ctlproto.CodeInvalidRequest, "Invalid request: %s", problem)
}

func internalError() *ctlproto.Error {
	return ctlproto.Errorf(ctlproto.CodeInternal, "Internal error: the proxy's log has the reason")
}

func tooLarge() *ctlproto.Error {
	return ctlproto.Errorf(ctlproto.CodeTooLarge, "the reply would have over %d bytes; ask for less (ul.dump brief, ul.lookup)", ctlproto.MaxReply)
}

// encodeError makes the line of a refusal; a nil id becomes null.
func encodeError(id json.RawMessage, e *ctlproto.Error) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	line, err := json.Marshal(ctlproto.Response{JSONRPC: ctlproto.Version, ID: id, Error: e})
	if err != nil { // Data of a provider that encoding/json cannot take
		line, _ = json.Marshal(ctlproto.Response{JSONRPC: ctlproto.Version, ID: id,
			Error: &ctlproto.Error{Code: e.Code, Message: e.Message}})
	}
	return append(line, '\n')
}

// encodeNotification makes the line of a notification.
func encodeNotification(method string, params any) []byte {
	raw, err := json.Marshal(params)
	if err != nil {
		raw = nil // our own types: they can be encoded
	}
	line, _ := json.Marshal(ctlproto.Request{JSONRPC: ctlproto.Version, Method: method, Params: raw})
	return append(line, '\n')
}

// resultEnvelope is what stands before and after a result.
func resultEnvelope(id json.RawMessage) (head, tail []byte) {
	head = append([]byte(`{"jsonrpc":"2.0","id":`), id...)
	return append(head, `,"result":`...), []byte("}\n")
}
