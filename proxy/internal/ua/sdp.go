package ua

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// Hold is how a session description says that no media flows.
type Hold uint8

const (
	// HoldZero is c=IN IP4 0.0.0.0, what phones have understood since RFC 2543.
	HoldZero Hold = iota
	// HoldInactive is a=inactive with a real address (RFC 3264 §8.4), for phones
	// that 0.0.0.0 upsets.
	HoldInactive
)

const sdpType = "application/sdp"

// errNotAcceptable: an offer that we cannot answer: 488.
var errNotAcceptable = errors.New("no audio stream that can be answered")

// maxMedia bounds the streams of an offer.
const maxMedia = 16

// session writes the session part; each description has a higher version than
// the last (RFC 3264 §8).
func (c *Call) session(b *strings.Builder) {
	c.version++
	family, host := "IP4", c.agent.socket.AdvertisedHost
	if strings.IndexByte(host, ':') >= 0 {
		family = "IP6"
	}
	b.WriteString("v=0\r\no=- " + strconv.FormatUint(c.sessionID, 10) + " " + strconv.FormatUint(c.version, 10) +
		" IN " + family + " " + host + "\r\ns=-\r\n")
	if c.invite.Hold == HoldInactive {
		b.WriteString("c=IN " + family + " " + host + "\r\n")
	} else {
		b.WriteString("c=IN IP4 0.0.0.0\r\n")
	}
	b.WriteString("t=0 0\r\n")
}

// offer is a description of one audio stream on hold.
func (c *Call) offer() []byte {
	var b strings.Builder
	c.session(&b)
	b.WriteString("m=audio 9 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n")
	if c.invite.Hold == HoldInactive {
		b.WriteString("a=inactive\r\n")
	}
	return []byte(b.String())
}

// answer answers an offer: its first audio stream on hold, whatever its formats,
// since none will flow, and no other (RFC 3264 §6).
func (c *Call) answer(offer []byte) ([]byte, error) {
	if !bytes.HasPrefix(offer, []byte("v=0")) {
		return nil, errNotAcceptable
	}
	var streams strings.Builder
	taken, n := false, 0
	for line := range bytes.Lines(offer) {
		rest, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r\n"), []byte("m="))
		if !ok {
			continue
		}
		f := strings.Fields(string(rest))
		if n++; n > maxMedia || len(f) < 4 || !plainText(rest) {
			return nil, errNotAcceptable
		}
		port, _, _ := strings.Cut(f[1], "/")
		take := !taken && f[0] == "audio" && port != "0"
		f[1] = "0"
		if take {
			f[1] = "9"
		}
		streams.WriteString("m=" + strings.Join(f, " ") + "\r\n")
		if take {
			taken = true
			streams.WriteString("a=inactive\r\n")
		}
	}
	if !taken {
		return nil, errNotAcceptable
	}
	var b strings.Builder
	c.session(&b)
	return []byte(b.String() + streams.String()), nil
}

// plainText reports whether b holds printable ASCII only.
func plainText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
