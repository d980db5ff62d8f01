package msilo

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
)

const cpim = "From: Alice <im:alice@example.org>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\r\n"

// TestReceipt: which messages are delivery receipts.
func TestReceipt(t *testing.T) {
	for _, x := range []struct {
		kind, body string
		want       bool
	}{
		{"message/imdn+xml", "<imdn/>", true},
		{"Message/IMDN+xml ; charset=utf-8", "<imdn/>", true},
		{"message/cpim", cpim + "Content-type: Message/imdn+xml;x=y\r\nContent-Disposition: notification\r\n\r\n<imdn/>", true},
		{"message/cpim", strings.ReplaceAll(cpim, "\r\n", "\n") + "Content-Length: 3\nContent-Type : message/imdn+xml\n\n<imdn/>", true},
		{"message/cpim", "\r\n" + cpim + "Content-Type: message/imdn+xml", true},
		{"message/cpim", "\r\nContent-Type: message/imdn+xml\r\n\r\n<imdn/>", true}, // without headers of its own
		{"message/cpim", "\nContent-ID: <1@h>\ncontent-type: message/imdn+xml\n\n<imdn/>", true},
		{"message/cpim", "\r\nContent-Type: text/plain\r\n\r\nContent-Type: message/imdn+xml\r\n\r\n", false},
		{"message/cpim", "\r\nX: y\r\n\r\nX: y\r\n\r\nContent-Type: message/imdn+xml\r\n", false},
		{"message/cpim", "\r\n<imdn>\r\n", false},
		{"message/cpim", cpim + "Content-Type: text/plain\r\n\r\nContent-Type: message/imdn+xml\r\n", false},
		{"message/cpim", "Content-Type: message/imdn+xml\r\n\r\nX: y\r\n\r\n", false},
		{"message/cpim", cpim, false},
		{"message/cpim", "", false},
		{"message/cpim", "\r\n\r\n\r\n", false},
		{"text/plain", "message/imdn+xml", false},
		{"message/imdn", "x", false},
		{"", "x", false},
	} {
		if got := receipt(x.kind, []byte(x.body)); got != x.want {
			t.Errorf("%s with %q: %v", x.kind, x.body, got)
		}
	}
}

func FuzzReceipt(f *testing.F) {
	f.Add("message/cpim", []byte(cpim+"Content-Type: message/imdn+xml\r\n\r\n<imdn/>"))
	f.Add("message/imdn+xml", []byte{})
	f.Add("message/cpim", []byte("\r\n\n\r:\n\n:"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		before := bytes.Clone(body)
		if receipt(kind, body) && !strings.Contains(strings.ToLower(kind+string(body)), "imdn+xml") {
			t.Errorf("%q with %q is a receipt", kind, body)
		}
		if !bytes.Equal(before, body) {
			t.Error("the body has changed")
		}
	})
}

// TestReceiptsAreNotStored: unless store_receipts says so; then they are delivered like
// a message, whole.
func TestReceiptsAreNotStored(t *testing.T) {
	body := cpim + "Content-Type: message/imdn+xml\r\n\r\n<imdn/>"
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		if got := b.stores("<imdn/>", "Content-Type: message/imdn+xml"); got != 503 {
			t.Errorf("a receipt is answered %d", got)
		}
		if got := b.stores(body, "Content-Type: message/cpim"); got != 503 || len(b.rows()) != 0 {
			t.Errorf("a receipt in message/cpim is answered %d, %d rows", got, len(b.rows()))
		}
	})
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		if got := b.stores(body, "Content-Type: message/cpim"); got != 202 {
			t.Errorf("answered %d", got)
		}
		b.phones.set(1, false)
		b.registers()
		synctest.Wait()
		if got := b.wire.bodies(); len(got) != 1 || got[0] != strings.ReplaceAll(body, "\r\n", "\r\n") {
			t.Errorf("delivered %q", got)
		}
	}, [2]string{"store_receipts", "1"})
}

// TestCPIMIsKeptWhole: every byte of the body and every parameter of the type; nothing
// is put before it.
func TestCPIMIsKeptWhole(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		const kind = `message/cpim; charset="utf-8"; x-long=` + "0123456789012345678901234567890123456789"
		body := cpim + "Content-Type: text/plain\r\n\r\n\x00\x01\xff [x] žluť\r\n "
		if got := b.stores(body, "Content-Type: "+kind, "Content-Disposition: render"); got != 202 {
			t.Fatalf("answered %d", got)
		}
		b.phones.set(1, false)
		b.registers()
		synctest.Wait()
		if len(b.wire.sent) != 1 {
			t.Fatalf("sent %d", len(b.wire.sent))
		}
		got := b.wire.sent[0]
		if string(got.Body) != body || got.ContentType != kind || got.Headers != "Content-Disposition: render\r\n" {
			t.Errorf("delivered %+v, its body %q", got, got.Body)
		}
	})
}
