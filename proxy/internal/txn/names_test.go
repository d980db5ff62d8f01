package txn

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// TestResponseOfAnotherRequest: a response with the branch of a request, and another Call-ID, From tag or CSeq
// number (RFC 3261 §8.2.6.2), is dropped before it is anything: the request is sent again, no ACK goes out, and
// the right response counts. The To tag may be any.
func TestResponseOfAnotherRequest(t *testing.T) {
	for _, callID := range []string{"i", strings.Repeat("long", 600)} {
		var told []string
		foreign := func(m *sip.Message, from transport.Flow) { told = append(told, fmt.Sprint(m.Status, " ", from.Remote)) }
		inBubble(t, Config{Foreign: foreign}, func(b *bubble) {
			o := &owner{t: t}
			b.table.Init(&o.Cell, 99, o)
			o.Lock()
			id := o.client.Prepare(b.table, &o.Cell, o)
			branch := string(AppendBranch(nil, StatefulMark, id))
			text := strings.NewReplacer("Call-ID: i", "Call-ID: "+callID, "To: <sip:b@example.org>", "To: <sip:b@example.org>;tag=t").
				Replace(string(request(t, "INVITE", ";branch="+branch).Buf))
			b.table.Identify(&o.Cell, read(t, text))
			if tag := string(o.ToTag()); tag != "t" {
				t.Errorf("the request's To tag is %q", tag)
			}
			if err := o.client.Start(sip.INVITE, udp, []byte(text), b); err != nil {
				t.Fatal(err)
			}
			o.Unlock()
			o.Unref()
			right := strings.NewReplacer("INVITE sip:b@example.org SIP/2.0", "SIP/2.0 STATUS x", "Route: <sip:r;lr>\r\n", "").Replace(text)
			answer := func(status int, method string, change ...string) bool {
				text := right
				if len(change) > 0 {
					text = strings.Replace(text, change[0], change[1], 1)
				}
				text = strings.NewReplacer("STATUS", fmt.Sprint(status), " INVITE", " "+method).Replace(text)
				return b.table.Response(read(t, text), udp, b.w)
			}
			wrong := [][]string{
				{"Call-ID: ", "Call-ID: x"}, {"Call-ID: " + callID[:1], "Call-ID: j"}, {";tag=f", ";tag=g"}, {";tag=f", ""},
				{"CSeq: 5", "CSeq: 6"},
			}
			for _, status := range []int{100, 180, 486, 200} {
				for _, x := range wrong {
					if answer(status, "INVITE", x...) {
						t.Errorf("%d with %s for %s is taken", status, x[1], x[0])
					}
				}
			}
			if len(told) != 4*len(wrong) || told[0] != "100 "+udp.Remote.String() {
				t.Fatalf("told of %d: %q", len(told), told)
			}
			b.sleep(600 * time.Millisecond)
			b.want("as if nothing had come", "0 INVITE, 500 INVITE")
			if !answer(180, "INVITE", ";tag=t", ";tag=other") {
				t.Error("a response with another To tag is dropped")
			}
			o.Lock()
			msg, err := o.client.AppendCancel(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			o.cancel.PrepareCancel(&o.client)
			if err := o.cancel.Start(sip.CANCEL, udp, msg, b); err != nil {
				t.Fatal(err)
			}
			o.Unlock()
			if answer(200, "CANCEL", "Call-ID: ", "Call-ID: x") || !answer(200, "CANCEL") {
				t.Error("the responses to a CANCEL are those with its names")
			}
			if !answer(200, "INVITE") || answer(200, "INVITE", ";tag=f", ";tag=g") || !answer(200, "INVITE") {
				t.Error("after a 2xx those with the names are taken yet, and no others")
			}
			if o.said() != "180, 200, 200" {
				t.Errorf("heard %q", o.said())
			}
			b.took()
			b.sleep(40 * time.Second)
			o.gone()
			if n := b.table.Buffers.held(); n != 0 {
				t.Errorf("%d bytes are held", n)
			}
		})
	}
}

// TestNamesOfTheNextRequest: a record that is used again has the names of the later request, or of none.
func TestNamesOfTheNextRequest(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		o := &owner{t: t}
		for _, tag := range []string{"one", strings.Repeat("two", 100), ""} {
			b.table.Init(&o.Cell, 99, o)
			if got := o.ToTag(); got != nil {
				t.Errorf("before it is known, the tag is %q", got)
			}
			text := string(request(t, "BYE", ";branch=z9hG4bKx").Buf)
			if tag != "" {
				text = strings.Replace(text, "b@example.org>\r\nCall", "b@example.org>;tag="+tag+"\r\nCall", 1)
			}
			b.table.Identify(&o.Cell, read(t, text))
			if got := string(o.ToTag()); got != tag {
				t.Errorf("the tag is %q, want %q", got, tag)
			}
			o.Unref()
			o.released.Store(0)
		}
		if n := b.table.Buffers.held(); n != 0 {
			t.Errorf("%d bytes are held", n)
		}
	})
}
