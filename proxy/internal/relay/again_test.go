package relay

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// TestPlaceGoesWithItsURI: where lookup, an alias or a GRUU has found a phone counts for that
// Request-URI alone; the script's own next hop stays until the script takes it back.
func TestPlaceGoesWithItsURI(t *testing.T) {
	flow := transport.Flow{Proto: transport.TCP, Remote: netip.MustParseAddrPort("192.0.2.9:5062")}
	phone := Target{URI: []byte("sip:bob@phone"), Next: []byte("sip:192.0.2.8"), Flow: flow, Route: []byte("<sip:edge;lr>"), Group: 7, Given: true, Phone: true, Q: 500}
	m := &sip.Message{}
	if err := m.Parse([]byte("OPTIONS sip:received SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	next := []byte("sip:sbc")
	for _, x := range []struct {
		name string
		do   func(*Request)
		want Target
	}{
		{"moved", func(r *Request) { r.Moved() }, Target{URI: phone.URI, Given: true, Q: 500}},
		{"found on its flow, moved", func(r *Request) { r.Main.Given = false; r.Moved() }, Target{URI: phone.URI, Q: 500}},
		{"found on its flow, another port", func(r *Request) { r.Main.Given = false; r.MovedPort() }, Target{URI: phone.URI, Given: true, Q: 500}},
		{"found on its flow, another port, then elsewhere", func(r *Request) { r.Main.Given = false; r.MovedPort(); r.Elsewhere() }, Target{URI: phone.URI, Hosted: true, Q: 500}},
		{"found on its flow, taken back", func(r *Request) { r.Main.Given = false; r.SetNext(nil) }, Target{URI: phone.URI, Given: true, Q: 500}},
		{"found on its flow, a next hop taken back", func(r *Request) { r.Main.Given = false; r.SetNext(next); r.SetNext(nil) }, Target{URI: phone.URI, Given: true, Q: 500}},
		{"no phone, taken back", func(r *Request) { r.Main.Given, r.Main.Phone = false, false; r.SetNext(nil) }, Target{URI: phone.URI, Q: 500}},
		{"no phone, another port", func(r *Request) { r.Main.Given, r.Main.Phone = false, false; r.MovedPort() }, Target{URI: phone.URI, Q: 500}},
		{"elsewhere", func(r *Request) { r.Elsewhere() }, Target{URI: phone.URI, Hosted: true, Q: 500}},
		{"elsewhere, and another port", func(r *Request) { r.Elsewhere(); r.MovedPort() }, Target{URI: phone.URI, Hosted: true, Q: 500}},
		{"elsewhere, then moved", func(r *Request) { r.Elsewhere(); r.Moved() }, Target{URI: phone.URI, Q: 500}},
		{"reverted", func(r *Request) { r.RevertURI() }, Target{URI: m.RequestURI()}},
		{"a next hop", func(r *Request) { r.SetNext(next) }, Target{URI: phone.URI, Next: next, NextOf: NextScript, Given: true, Q: 500}},
		{"a next hop, moved", func(r *Request) { r.SetNext(next); r.Moved() }, Target{URI: phone.URI, Next: next, NextOf: NextScript, Given: true, Q: 500}},
		{"a next hop, reverted", func(r *Request) { r.SetNext(next); r.RevertURI() }, Target{URI: m.RequestURI(), Next: next, NextOf: NextScript}},
		{"a next hop, taken back", func(r *Request) { r.SetNext(next); r.SetNext(nil) }, Target{URI: phone.URI, Given: true, Q: 500}},
		{"of one t_relay, moved", func(r *Request) { r.Main.NextOf = NextRelay; r.Moved() }, Target{URI: phone.URI, Given: true, Q: 500}},
		{"found after a next hop, moved", func(r *Request) { r.SetNext(next); r.Main = phone; r.Moved() }, Target{URI: phone.URI, Given: true, Q: 500}},
	} {
		r := &Request{Msg: m, Main: phone}
		x.do(r)
		if diff := cmp.Diff(x.want, r.Main, cmpopts.EquateComparable(transport.Flow{}, netip.AddrPort{})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", x.name, diff)
		}
	}
}

// TestTargetsKeepTheirTexts: whoever keeps a target has all that belongs to it in memory of his
// own. The memory that it came from is soon another request's.
func TestTargetsKeepTheirTexts(t *testing.T) {
	for _, x := range []struct {
		name string
		keep func(Target) Target
	}{
		{"AddTarget", func(o Target) Target { r := &Request{}; _ = r.AddTarget(o); return r.More[0] }},
		{"SetTarget", func(o Target) Target { r := &Request{}; r.SetTarget(o); return r.Main }},
		{"AddFlow", func(o Target) Target { r := &Request{}; r.AddFlow(o); return r.flows[0] }},
		{"keepFlows", func(o Target) Target {
			c := &Call{}
			c.keepFlows(&Request{flows: []Target{o}})
			return c.flows[0]
		}},
		{"contacts", func(o Target) Target { var c contacts; c.set([]Target{o}); return c.list[0] }},
	} {
		original, want := Target{Group: 7, NextOf: NextScript, Q: 500}, Target{Group: 7, NextOf: NextScript, Q: 500}
		fields := reflect.ValueOf(&original).Elem()
		for i := range fields.NumField() {
			if f := fields.Field(i); f.Type() == reflect.TypeFor[[]byte]() {
				f.SetBytes([]byte("kept"))
				reflect.ValueOf(&want).Elem().Field(i).SetBytes([]byte("kept"))
			}
		}
		got := x.keep(original)
		for i := range fields.NumField() {
			if f := fields.Field(i); f.Type() == reflect.TypeFor[[]byte]() {
				copy(f.Bytes(), "gone")
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(transport.Flow{}, netip.AddrPort{})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", x.name, diff)
		}
	}
}
