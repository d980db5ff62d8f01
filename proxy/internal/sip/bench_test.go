package sip_test

import (
	"testing"

	"seraph/proxy/internal/sip"
)

// BenchmarkParse parses an INVITE as phones write them.
func BenchmarkParse(b *testing.B) {
	text := []byte(crlf(`INVITE sip:carol@example.org SIP/2.0
Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK-524287-1---2f6a1d3c8e9b7a45;rport
Max-Forwards: 70
Contact: <sip:bob@192.0.2.7:5062>
To: <sip:carol@example.org>
From: "Bob Keller" <sip:bob@example.org>;tag=3b9ac1f2
Call-ID: 82537YTM0ZmU5ZjUyNGM3NjA0ZDQ2ZTM2ZjE4ZDk2YzQ
CSeq: 1 INVITE
Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE
Content-Type: application/sdp
Supported: replaces, outbound
User-Agent: Phone 5.6
Content-Length: 5

v=0
`))
	var m sip.Message
	for b.Loop() {
		if err := m.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
