package dispatcher_test

import (
	"context"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/dispatcher"
	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// FuzzGateway: whatever a row says, the module works, and what it picks is a URI that a
// request can go to.
func FuzzGateway(f *testing.F) {
	f.Add("sip:192.0.2.1:5060;transport=tcp", "weight=50;duid=x", 8)
	f.Add("sips:[2001:db8::1]", "weight=-1;weight=x;;=", 1)
	f.Add("sip:@:0", "weight=99999999999999999999", -1)
	f.Fuzz(func(t *testing.T, uri, attrs string, flags int) {
		m := dispatcher.New(dispatcher.Config{Load: func(context.Context) ([]store.Gateway, error) {
			return []store.Gateway{{Set: 1, URI: uri, Attrs: attrs, Flags: flags}, {Set: 1, URI: uri, Attrs: attrs, Flags: flags}}, nil
		}})
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		m.List()
		for _, name := range []string{"ds_select_dst", "ds_select_domain"} {
			for _, algorithm := range []string{"0", "9"} {
				c := call(t, "x")
				if moduletest.Compile(t, m, name, "1", algorithm)(c) != module.True {
					continue
				}
				to := c.Main.Next
				if to == nil {
					to = c.Main.URI
				}
				var u sip.URI
				if err := sip.ParseURI(to, &u); err != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS {
					t.Errorf("goes to %q: %v", to, err)
				}
			}
		}
	})
}

// FuzzReplyCodes: a text is taken or refused with words.
func FuzzReplyCodes(f *testing.F) {
	f.Add("class=4;code=501")
	f.Add(";;=;code=-1")
	f.Fuzz(func(t *testing.T, text string) {
		err := moduletest.Set(t, dispatcher.New(dispatcher.Config{}), "ds_ping_reply_codes", text)
		if err != nil && err.Error() == "" {
			t.Error("refused without a word")
		}
	})
}
