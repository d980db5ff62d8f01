package registrar

import (
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// refusal is the answer to a REGISTER that changes nothing.
type refusal struct {
	status int
	reason string // the phrase; "": the standard one
}

// The refusals. They hold nothing of the request: what a phone sent stays out of
// the reason phrase.
var (
	badTo          = &refusal{400, "Bad To"}
	badContact     = &refusal{400, "Bad Contact"}
	badQ           = &refusal{400, "Bad q in Contact"}
	badStar        = &refusal{400, "Contact * needs Expires: 0 and no other contact"}
	manyContacts   = &refusal{400, "Too Many Contacts In One Request"}
	badPath        = &refusal{400, "Bad Path"}
	longContact    = &refusal{400, "Contact Too Long"}
	longPath       = &refusal{400, "Path Too Long"}
	longCallID     = &refusal{400, "Call-ID Too Long"}
	badText        = &refusal{400, "Text That Is Not UTF-8"}
	outOfOrder     = &refusal{400, "CSeq Not Above The Last One"}
	oneFlow        = &refusal{400, "A Contact With reg-id Must Be Alone"}
	foreignPath    = &refusal{403, "Path Is Not Of The Proxy It Came From"}
	noPhone        = &refusal{403, "Contact Leads To No Phone"}
	notHere        = &refusal{404, ""}
	badExtension   = &refusal{420, ""}
	needsOutbound  = &refusal{421, "Extension Required"}
	tooBrief       = &refusal{423, ""}
	firstHopLacks  = &refusal{439, "First Hop Lacks Outbound Support"}
	tooManyInAll   = &refusal{503, "Too Many Contacts"}
	databaseBehind = &refusal{503, ""}
)

// refuse answers a REGISTER with a refusal; s.extra holds its header lines.
func (m *Module) refuse(r *relay.Request, s *scratch, why *refusal, silent bool) {
	m.rejected.Add(1)
	if silent {
		return
	}
	switch {
	case why == tooBrief:
		s.extra = append(s.extra, "Min-Expires: "...)
		s.extra = sip.AppendUint(s.extra, uint64(m.minExpires))
		s.extra = append(s.extra, "\r\n"...)
	case why.status == 503 && m.retryAfter > 0:
		s.extra = append(s.extra, "Retry-After: "...)
		s.extra = sip.AppendUint(s.extra, uint64(m.retryAfter))
		s.extra = append(s.extra, "\r\n"...)
	}
	s.reply = sip.Reply{Status: why.status, Reason: why.reason, Extra: s.extra}
	if err := r.Reply(&s.reply); err != nil {
		m.cfg.Log.Debug("registrar: the answer could not be sent", "status", why.status, "error", err, "call_id", string(r.Msg.CallID()))
	}
	r.Replied = true
}
