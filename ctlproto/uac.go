package ctlproto

import "context"

// TmUacParams are the parameters of tm.t_uac_wait_block and tm.t_uac_start, Kamailio's.
// NextHop and Socket must be empty or ".": requests go where the routing script sends
// them. Headers are lines with From and To in them; without Headers the router is the
// sender and Method must be OPTIONS.
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
