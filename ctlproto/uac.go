package ctlproto

import "context"

// TmUacParams are the parameters of tm.t_uac_wait_block, Kamailio's. Only the
// method OPTIONS can be sent; NextHop, Socket and Body must be empty or ".", and
// Headers are taken from nobody: From, To and Call-ID are the router's own.
type TmUacParams struct {
	Method  string `json:"method"`
	RURI    string `json:"ruri"` // sip or sips URI, or user@domain
	NextHop string `json:"nexthop,omitempty"`
	Socket  string `json:"socket,omitempty"`
	Headers string `json:"headers,omitempty"`
	Body    string `json:"body,omitempty"`
}

// TmUacReply is the result of tm.t_uac_wait_block: the final response.
type TmUacReply struct {
	Code int    `json:"code"`
	Text string `json:"text"` // its phrase, as the other end worded it
}

// Ping sends OPTIONS to an address through the routing script and waits for the
// final response, whatever it is. CodeUnavailable if none came.
func (m Methods) Ping(ctx context.Context, uri string) (TmUacReply, error) {
	return result[TmUacReply](ctx, m, MethodTmUacWaitBlock, TmUacParams{Method: "OPTIONS", RURI: uri})
}
