package control

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
)

// TestForgottenConnectionsGiveWay: where all connections are taken, the one goes that was
// idle for longest. A feed, a call under way and a connection that was just used stay.
func TestForgottenConnectionsGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxy := newFakeProxy()
		proxy.gate = make(chan struct{})
		cfg := proxy.config()
		cfg.Limits.Connections = 4
		s := start(t, cfg)
		dial := func() error {
			ours, theirs := net.Pipe()
			t.Cleanup(func() { ours.Close() })
			go s.ServeConn(theirs)
			var d ctlproto.Dialer
			_, err := d.Client(t.Context(), ours)
			return err
		}
		feed, busy, forgotten, used := plug(t, s), plug(t, s), plug(t, s), plug(t, s)
		_ = busy.nc.SetReadDeadline(time.Time{})
		feed.call("events.subscribe", `["ctd"]`)
		busy.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ctd.cancel\",\"params\":[\"x\"]}\n")
		if err := dial(); ctlproto.CodeOf(err) != ctlproto.CodeBusy {
			t.Errorf("a fifth connection: %v", err)
		}
		time.Sleep(idleAtLeast)
		_ = used.nc.SetDeadline(time.Now().Add(time.Minute))
		used.call("core.version", `[]`)
		if err := dial(); err != nil {
			t.Errorf("after a while: %v", err)
		}
		_ = forgotten.nc.SetDeadline(time.Now().Add(time.Minute))
		forgotten.ended()
		if err := dial(); ctlproto.CodeOf(err) != ctlproto.CodeBusy {
			t.Errorf("one more: %v", err)
		}
		used.call("core.version", `[]`)
		s.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{ID: "1"})
		_ = feed.nc.SetDeadline(time.Now().Add(time.Minute))
		feed.receive()
		close(proxy.gate)
		if got := busy.receive(); got != `{"jsonrpc":"2.0","id":1,"result":{}}` {
			t.Errorf("reply: %s", got)
		}
	})
}
