package portal_test

import (
	"slices"
	"testing"

	"seraph/sql/aor"
	"seraph/webui/internal/portal"
)

// TestPlaceFault: where no phone can ever ring is not taken, and where one may is.
func TestPlaceFault(t *testing.T) {
	const machine = "vm.office.example"
	for fault, list := range map[string][]string{
		"place.host": {
			"sip:x@localhost", "sip:x@LOCALHOST.:5070", "sip:x@a.localhost", "sip:x@localhost.localdomain", "sip:x@vm", "sips:x@VM.office.example", "sip:x@0.0.0.0:5070",
			"sip:x@0", "sip:x@127.1", "sip:x@2130706433", "sip:x@0x7f000001", "sip:x@10.1.0x1", "sip:x@1.2.3.4.5", "sip:x@256.1.1.1", "sip:x@255.255.255.255", "sip:x@240.0.0.1",
			"sip:x@0.1.2.3", "sip:x@224.0.0.1", "sip:x@239.1.2.3", "sip:x@[::]", "sip:x@[ff02::1]", "sip:x@[::ffff:0.0.0.0]", "sip:x@[::ffff:224.0.0.1]",
			"sip:x@192.0.2.1;maddr=localhost", "sip:x@192.0.2.1;m%61ddr=127.1", "sip:x@nowhere.invalid",
		},
		"place.transport": {
			"sip:x@192.0.2.1;transport=foo", "sip:x@192.0.2.1;TRANSPORT=sctp", "sip:x@192.0.2.1;%74ransport=foo", "sip:x@192.0.2.1;transport=ws", "sip:x@192.0.2.1;transport",
			"sip:x@192.0.2.1;transport=", "sips:x@192.0.2.1;transport=udp",
		},
		"": {
			"sip:x@192.0.2.1", "sip:x@10.0.0.1:5062;transport=tcp", "sip:x@192.0.2.1;transport=UDP", "sips:x@phone.example.org;transport=tls", "sips:x@192.0.2.1;transport=tcp",
			"sip:x@127.0.0.1:5070", "sip:x@[2001:db8::1]:5062", "sip:x@phone", "sip:x@phone.local", "sip:x@1.example.org", "sip:x@vm2", "sip:x@localhost.example.org", "sip:x@3com.example",
			"sip:localhost@192.0.2.1", "sip:x@192.0.2.1;lr;maddr=192.0.2.2",
		},
	} {
		for _, typed := range list {
			uri, err := aor.CanonicalURI(typed, "")
			if err != nil {
				t.Errorf("%s: %v", typed, err)
				continue
			}
			if got := portal.PlaceFault(uri, machine); got != fault {
				t.Errorf("%s (%s): %q, want %q", typed, uri, got, fault)
			}
		}
	}
	if got := portal.PlaceFault("sip:x@vm", ""); got != "" {
		t.Errorf("without a name of the machine: %q", got)
	}
}

// TestHosts: of a phone's URI and of a gateway's, which has no user.
func TestHosts(t *testing.T) {
	for uri, want := range map[string][]string{
		"sip:gw.example:5060;transport=tcp": {"gw.example"}, "sips:u@GW.example.": {"GW.example"}, "sip:192.0.2.1": {"192.0.2.1"},
		"sip:[2001:db8::4]:5062": {"[2001:db8::4]"}, "sip:x@a.example;maddr=b.example;MADDR=c": {"a.example", "b.example", "c"}, "": {""}, "sip:x@y?m=z": {"y"},
	} {
		if got := portal.Hosts(uri); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", uri, got, want)
		}
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"gw.example", "GW.Example", true}, {"[::ffff:192.0.2.1]", "192.0.2.1", true}, {"[2001:db8:0::4]", "[2001:db8::4]", true}, {"a", "b", false},
		{"192.0.2.1", "192.0.2.2", false}, {"", "0.0.0.0", false},
	} {
		if got := portal.SameHost(c.a, c.b); got != c.want {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}

// FuzzPlace: no URI breaks anything.
func FuzzPlace(f *testing.F) {
	for _, seed := range []string{"sip:x@y;maddr=%", "sip:[::1", "sip:;;=@", "sip:x@0x;transport=%zz", "::"} {
		f.Add(seed, "vm")
	}
	f.Fuzz(func(t *testing.T, uri, machine string) {
		if len(portal.Hosts(uri)) == 0 {
			t.Errorf("%q leads to no host", uri)
		}
		switch fault := portal.PlaceFault(uri, machine); fault {
		case "", "place.host", "place.transport":
		default:
			t.Errorf("%q: %q", uri, fault)
		}
	})
}
