package ua

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// Invite is an INVITE to be made: it offers one audio stream on hold.
type Invite struct {
	// To is the URI that is called, Request-URI and To.
	To string
	// From is who calls, a URI; FromName the name shown beside it, may be empty.
	From, FromName string
	// User and Domain are the identity, canonical, with which the script runs.
	User, Domain string
	// Hold is how the offer says that there is no media.
	Hold Hold
	// AutoAnswer asks the phone to answer by itself (RFC 5373 and what phones
	// understood before it).
	AutoAnswer bool
	// Contact, if not empty, is the only one of To's contacts that is called.
	Contact string
	// Offerless leaves the session description out: the answer brings the offer,
	// which Answered has, and is not acknowledged before Answer (RFC 3725 §4.4).
	Offerless bool
	// Accounted says that this is a call of the identity's own, in the accounts too.
	Accounted bool
	// NoRules says that the call rules of who is called do not hold, see Identity.
	NoRules bool
	// Timeout bounds the time to a final response, default 60 s; then the INVITE
	// is cancelled and Failed has ErrNoAnswer.
	Timeout time.Duration
	// MaxLife bounds the time from the answer to our BYE, default 10 min.
	MaxLife time.Duration

	// worded is the INVITE of Agent.Request, which somebody else has worded.
	worded *worded
}

// maxAddress bounds a URI in what the agent sends, in bytes.
const maxAddress = 1024

// check fills in defaults and refuses what must not be written into a message.
func (p *Invite) check() error {
	if p.Timeout <= 0 {
		p.Timeout = time.Minute
	}
	if p.MaxLife <= 0 {
		p.MaxLife = 10 * time.Minute
	}
	for _, uri := range []string{p.To, p.From} {
		if !canWrite(uri) {
			return ErrBadAddress
		}
	}
	return nil
}

// canWrite reports whether a URI can stand between angle brackets and in a
// request line: a sip, sips or tel URI of plain characters.
func canWrite(uri string) bool {
	var u sip.URI
	if len(uri) > maxAddress || sip.ParseURI([]byte(uri), &u) != nil || u.Scheme == sip.SchemeOther {
		return false
	}
	return strings.IndexFunc(uri, func(r rune) bool { return r >= utf8.RuneSelf || r <= ' ' || r == '\\' }) < 0
}

// What the agent takes within a dialog: between two calls that are joined, or are to be,
// it passes INFO on, by which many phones send DTMF if the other end allows it.
const (
	allowAlone  = "Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, OPTIONS\r\n"
	allowJoined = "Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, OPTIONS, INFO\r\n"
)

// allow is the call's Allow line. One that begins without an offer is to be joined.
func (c *Call) allow() string {
	if c.peer != nil || c.invite.Offerless {
		return allowJoined
	}
	return allowAlone
}

// appendInvite writes the INVITE.
func (c *Call) appendInvite(dst []byte) []byte {
	p := &c.invite
	if p.worded != nil {
		return c.appendWorded(dst)
	}
	dst = append(dst, "INVITE "+p.To+" SIP/2.0\r\n"...)
	dst = append(dst, "Via: SIP/2.0/"...)
	dst = append(dst, c.agent.socket.Via...)
	dst = append(dst, ";branch="+sip.MagicCookie+userPrefix+random(12)+"\r\nMax-Forwards: 70\r\nFrom: "...)
	dst = append(dst, c.fromValue()+"\r\nTo: <"+p.To+">\r\nCall-ID: "+c.callID+"\r\nCSeq: 1 INVITE\r\n"...)
	dst = c.appendContact(dst)
	dst = append(dst, "User-Agent: "+c.agent.cfg.Name+"\r\n"+c.allow()+"Supported: norefersub\r\n"...)
	if p.AutoAnswer {
		host := string(c.agent.socket.HostPort)
		dst = append(dst, "Call-Info: <sip:"+host+">;answer-after=0\r\n"+
			"Alert-Info: <http://"+host+">;info=alert-autoanswer;delay=0\r\nAnswer-Mode: Auto\r\n"...)
	}
	if p.Offerless {
		return append(dst, "Accept: "+sdpType+"\r\nContent-Length: 0\r\n\r\n"...)
	}
	body := c.offer()
	dst = append(dst, "Content-Type: "+sdpType+"\r\nContent-Length: "...)
	dst = sip.AppendUint(dst, uint64(len(body)))
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, body...)
}

// fromValue is the value of From in all our requests.
func (c *Call) fromValue() string {
	if w := c.invite.worded; w != nil {
		return w.from
	}
	return quoteName(c.invite.FromName) + "<" + c.invite.From + ">;tag=" + c.fromTag
}

// toValue is the value of To in all our requests, without the other end's tag.
func (c *Call) toValue() string {
	if w := c.invite.worded; w != nil {
		return w.to
	}
	return "<" + c.invite.To + ">"
}

// inviteSeq is the CSeq of the INVITE.
func (c *Call) inviteSeq() uint32 {
	if w := c.invite.worded; w != nil {
		return w.seq
	}
	return 1
}

// appendContact writes our Contact. The token in it leads the phone's requests
// to this call.
func (c *Call) appendContact(dst []byte) []byte {
	dst = append(dst, "Contact: <sip:"+userPrefix+c.token+"@"...)
	dst = append(dst, c.agent.socket.HostPort...)
	if p := c.agent.socket.Proto; p != transport.UDP {
		dst = append(dst, ";transport="+p.Param()...)
	}
	return append(dst, ">\r\n"...)
}

// maxText bounds names and reason phrases, in bytes.
const maxText = 128

// quoteName writes a display name as a quoted string with a blank after it
// (RFC 3261 §25.1), nothing if it is empty.
func quoteName(name string) string {
	name = cleanText([]byte(name))
	if name == "" {
		return ""
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `" `
}

// cleanText makes of what somebody sent a line of at most maxText bytes of
// printable UTF-8; other characters become blanks.
func cleanText(b []byte) string {
	b = bytes.TrimSpace(b)
	b = b[:min(len(b), maxText)]
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b), ""))
	return strings.TrimSpace(text)
}

// sessionID returns the number of a session in o= (RFC 4566 §5.2).
func sessionID() uint64 { return rand.Uint64() >> 2 }
