package nathelper_test

import (
	"crypto/tls"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

func okReply() *sip.Reply { return &sip.Reply{Status: 200} }

func TestHandleAlias(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	handle := moduletest.Compile(t, m, "handle_ruri_alias")
	for _, c := range []struct {
		uri     string
		returns int
		now     string // the Request-URI afterwards
		next    string
	}{
		{"sip:a@10.0.0.1:5060;alias=192.0.2.7~40001~1", 1, "sip:a@10.0.0.1:5060", "sip:192.0.2.7:40001"},
		{"sip:a@10.0.0.1;ob;alias=192.0.2.7~40001~2;x=1?h=v", 1, "sip:a@10.0.0.1;ob;x=1?h=v", "sip:192.0.2.7:40001;transport=tcp"},
		{"sip:10.0.0.1;ALIAS=192.0.2.7~9~1", 1, "sip:10.0.0.1", "sip:192.0.2.7:9"},
		{"sip:a;alias=b@10.0.0.1;alias=192.0.2.7~9~1", 1, "sip:a;alias=b@10.0.0.1", "sip:192.0.2.7:9"},
		{"sip:a@10.0.0.1;alias=192.0.2.7~9~1;alias=192.0.2.8~9~1", 1, "sip:a@10.0.0.1", "sip:192.0.2.7:9"},
		{"sip:a@10.0.0.1;alias=127.0.0.1~9~1", 1, "sip:a@10.0.0.1", "sip:127.0.0.1:9"}, // the router listens on loopback itself

		{"sip:a@10.0.0.1", 2, "", ""},
		{"tel:+49", 2, "", ""},
		{"sip:a@10.0.0.1?alias=192.0.2.7~9~1", 2, "", ""},
		{"sip:a@10.0.0.1;alias", -1, "", ""},
		{"sip:a@10.0.0.1;alias=", -1, "", ""},
		{"sip:a@10.0.0.1;alias=192.0.2.7", -1, "", ""},
		{"sip:a@10.0.0.1;alias=192.0.2.7~9", -1, "", ""},
		{"sip:a@10.0.0.1;alias=192.0.2.7~9~", -1, "", ""},
		{"sip:a@10.0.0.1;alias=192.0.2.7~0~1", -1, "", ""},
		{"sip:a@10.0.0.1;alias=192.0.2.7~65536~1", -1, "", ""},
		{"sip:a@10.0.0.1;alias=192.0.2.7~9~0", -1, "", ""},
		{"sip:a@10.0.0.1;alias=192.0.2.7~9~4", -1, "", ""},
		{"sip:a@10.0.0.1;alias=192.0.2.7~9~7", -1, "", ""},
		{"sip:a@10.0.0.1;alias=192.0.2.7~9~1~1", -1, "", ""},
		{"sip:a@10.0.0.1;alias=host.example~9~1", -1, "", ""},
		{"sip:a@10.0.0.1;alias=0.0.0.0~9~1", -1, "", ""},
		{"sip:a@10.0.0.1;alias=224.0.1.75~9~1", -1, "", ""},
		{"sip:a@10.0.0.1;alias=255.255.255.255~9~1", -1, "", ""},
		{"sip:a@10.0.0.1;alias=[2001:db8::1]~9~1", -1, "", ""},                                   // no IPv6 socket here
		{"sip:a@10.0.0.1;alias=192.0.2.7~9~3", -1, "", ""},                                       // nor TLS
		{"sip:a@10.0.0.1;alias=" + strings.Replace(r.Address(), ":", "~", 1) + "~1", -1, "", ""}, // ourselves
	} {
		ctx := moduletest.Message(t, moduletest.Request("BYE", c.uri))
		ctx.Engine, ctx.InDialog = r.Engine, true
		if c.now == "" {
			c.now = c.uri
		}
		got := handle(ctx)
		if got != c.returns || string(ctx.Main.URI) != c.now || string(ctx.Main.Next) != c.next {
			t.Errorf("%s: %d, URI %s, next %s; want %d, %s, %s", c.uri, got, ctx.Main.URI, ctx.Main.Next, c.returns, c.now, c.next)
		}
	}
}

// TestStrangersAimAtNobody: outside a dialog of ours and without a proof of identity
// an alias is not followed.
func TestStrangersAimAtNobody(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	handle := moduletest.Compile(t, m, "handle_ruri_alias")
	for _, c := range []struct {
		name   string
		change func(*module.Ctx)
		want   int
	}{
		{"stranger", func(*module.Ctx) {}, -1},
		{"in a dialog of ours", func(c *module.Ctx) { c.InDialog = true }, 1},
		{"authenticated", func(c *module.Ctx) { c.Auth = relay.Identity{User: []byte("alice"), Domain: []byte("example.org")} }, 1},
		{"the router itself", func(c *module.Ctx) { c.Local = &relay.Local{} }, 1},
	} {
		ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:a@10.0.0.1;alias=192.0.2.7~9~1"))
		ctx.Engine = r.Engine
		c.change(ctx)
		if got := handle(ctx); got != c.want || (ctx.Main.Next != nil) != (c.want > 0) {
			t.Errorf("%s: %d, next %s", c.name, got, ctx.Main.Next)
		}
	}
}

// TestAliasRoundTrip: what add_contact_alias writes into the Contact of a phone
// behind a NAT brings the other side's BYE to that phone, over the router.
func TestAliasRoundTrip(t *testing.T) {
	add, handle := moduletest.Compile(t, m, "add_contact_alias"), moduletest.Compile(t, m, "handle_ruri_alias")
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		if c.LooseRoute() {
			handle(c)
		} else {
			c.RecordRoute()
			add(c)
		}
		if err := c.Relay(); err != nil {
			t.Error(err)
		}
	}})
	const phone = "udp:192.0.2.7:40001"
	sent := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", "sip:bob@198.51.100.9", "Contact: <sip:alice@10.0.0.1:5060>")), "INVITE")
	var invite sip.Message
	if err := invite.Parse([]byte(sent.Text)); err != nil {
		t.Fatal(err)
	}
	var contact sip.NameAddr
	if err := sip.ParseNameAddr(invite.HeaderValue(sip.HdrContact), &contact); err != nil {
		t.Fatal(err)
	}
	bye := strings.NewReplacer("sip:alice@example.org>;tag=at", "sip:bob@example.org>;tag=bt", "sip:bob@example.org>;tag=bt", "sip:alice@example.org>;tag=at").
		Replace(moduletest.Request("BYE", string(contact.URI), "To: <sip:bob@example.org>;tag=bt", "Route: "+string(invite.HeaderValue(sip.HdrRecordRoute))))
	got := moduletest.Find(t, r.Receive("udp:198.51.100.9:5060", bye), "BYE sip:alice@10.0.0.1:5060 SIP/2.0\r\n")
	if want := r.Flow(phone); got.To.Remote != want.Remote || got.To.Proto != transport.UDP {
		t.Errorf("the BYE went to %v, want %v", got.To.Remote, want.Remote)
	}
}

func FuzzAlias(f *testing.F) {
	r := moduletest.New(f, &moduletest.Script{})
	handle, add := moduletest.Compile(f, m, "handle_ruri_alias"), moduletest.Compile(f, m, "add_contact_alias")
	for _, uri := range []string{"sip:a@10.0.0.1;alias=192.0.2.7~40001~1", "sip:a@h;alias=[::1]~1~2;x?y", "sip:;alias=@h", "sips:a:b@[::]:9;alias=~~;alias", "tel:1;alias=1.2.3.4~1~1"} {
		f.Add(uri, "<"+uri+">;q=1, "+uri)
	}
	from := r.Flow("udp:192.0.2.7:40001")
	f.Fuzz(func(t *testing.T, uri, contact string) {
		var msg sip.Message
		wire := moduletest.Wire(moduletest.Request("BYE", uri, "Contact: "+contact))
		if msg.Parse(wire) != nil || string(msg.RequestURI()) != uri {
			return
		}
		c := &module.Ctx{}
		c.Msg, c.Main.URI, c.Engine, c.InDialog, c.From = &msg, msg.RequestURI(), r.Engine, true, from
		before := msg.Header(sip.HdrContact)
		if handle(c) == module.True {
			var u, next sip.URI
			if err := sip.ParseURI(c.Main.URI, &u); err != nil {
				t.Fatalf("%q became %q: %v", uri, c.Main.URI, err)
			}
			if _, left := u.Param("alias"); left {
				t.Errorf("%q: an alias is left in %q", uri, c.Main.URI)
			}
			if err := sip.ParseURI(c.Main.Next, &next); err != nil || next.Port == 0 {
				t.Errorf("%q: next hop %q: %v", uri, c.Main.Next, err)
			}
		}
		if before == nil || add(c) != module.True {
			return
		}
		var again sip.Message
		text := append(append(append([]byte{}, msg.Buf[:msg.HeadersStart()]...), msg.AppendHeaders(nil)...), "\r\n"...)
		if err := again.Parse(text); err != nil {
			t.Fatalf("%q became %q: %v", contact, text, err)
		}
		// Every contact that can be read still can, and leads to the alias.
		was, is := count(&msg), count(&again)
		if was != is {
			t.Errorf("%q: %d contacts became %d: %q", contact, was, is, text)
		}
	})
}

// count is how many Contact values have a sip URI.
func count(m *sip.Message) (n int) {
	values := m.Values(sip.HdrContact)
	for v := values.Next(); v != nil; v = values.Next() {
		var a sip.NameAddr
		var u sip.URI
		if sip.ParseNameAddr(v, &a) == nil && sip.ParseURI(a.URI, &u) == nil && u.Host != nil {
			n++
		}
	}
	return n
}

// noCertificates is a setting of TLS that opens nothing.
type noCertificates struct{}

func (noCertificates) Server(netip.AddrPort) *tls.Config { return nil }

func (noCertificates) Proven(netip.AddrPort, tls.ConnectionState) []string { return nil }
func (noCertificates) Client(netip.AddrPort, string) *tls.Config           { return nil }

// TestAliasOfClosedTLS: the far end of a TLS connection that is closed is no address to
// call; the far end of a WebSocket is nothing but its connection.
func TestAliasOfClosedTLS(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	e := relay.New(relay.Config{Log: log})
	layer, err := transport.New(transport.Config{TLS: noCertificates{}, Listen: []transport.Listen{
		{Proto: transport.TLS, Addr: "127.0.0.1:0"}, {Proto: transport.WSS, Addr: "127.0.0.1:0"},
	}}, e, log)
	if err != nil {
		t.Fatal(err)
	}
	defer layer.Close(t.Context())
	e.Attach(layer, nil)
	handle := moduletest.Compile(t, m, "handle_ruri_alias")
	for uri, next := range map[string]string{
		"sip:a@192.0.2.7:5061;transport=tls;alias=192.0.2.7~40001~3":   "",
		"sip:a@x.invalid:5061;transport=ws;alias=192.0.2.7~40001~6":    "sip:192.0.2.7:40001;transport=wss",
		"sip:a@192.0.2.7:5061;transport=tls;alias=192.0.2.7~40001~5":   "", // no plain WebSocket here
		"sip:a@192.0.2.7:5061;transport=tls;alias=224.0.0.1~40001~3":   "",
		"sips:a@192.0.2.7:5061;transport=tls;alias=192.0.2.70~40001~3": "",
	} {
		ctx := moduletest.Message(t, moduletest.Request("BYE", uri))
		ctx.Engine, ctx.InDialog = e, true
		got := handle(ctx)
		if refused := strings.HasSuffix(uri, "~5") || strings.Contains(uri, "224."); (got < 0) != refused || string(ctx.Main.Next) != next {
			t.Errorf("%s: %d, next %s, want %s", uri, got, ctx.Main.Next, next)
		}
		if got > 0 && strings.Contains(string(ctx.Main.URI), "alias") {
			t.Errorf("%s: the URI is %s", uri, ctx.Main.URI)
		}
	}
}
