package registrar

import (
	"fmt"
	"testing"

	"seraph/ctlproto"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/usrloc"
)

// TestMaxContactsBoundsUlAdd: by hand an address gets no more contacts than by REGISTER.
func TestMaxContactsBoundsUlAdd(t *testing.T) {
	locations := usrloc.New(usrloc.Config{})
	m := New(Config{Usrloc: locations})
	if err := moduletest.Set(t, m, "max_contacts", "2"); err != nil {
		t.Fatal(err)
	}
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	for n, want := range []ctlproto.Code{0, 0, ctlproto.CodeBusy} {
		err := locations.Control().Add(t.Context(), "bob@example.org", ctlproto.Contact{Address: fmt.Sprintf("sip:x@192.0.2.%d", n), Permanent: true})
		if got := ctlproto.CodeOf(err); (err == nil) != (want == 0) || got != want {
			t.Errorf("contact %d: %v, want code %d", n, err, want)
		}
	}
}
