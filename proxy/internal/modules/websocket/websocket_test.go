package websocket_test

import (
	"slices"
	"testing"
	"time"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/websocket"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, websocket.New()) }

func TestParams(t *testing.T) {
	m := websocket.New()
	for _, origin := range []string{"https://a.example", "http://b.example:8080"} {
		if err := moduletest.Set(t, m, "origin", origin); err != nil {
			t.Error(err)
		}
	}
	if err := moduletest.Set(t, m, "keepalive_timeout", "30"); err != nil {
		t.Error(err)
	}
	if got := m.Origins(); !slices.Equal(got, []string{"https://a.example", "http://b.example:8080"}) || m.Keepalive() != 30*time.Second {
		t.Errorf("origins %q, keep-alive %v", got, m.Keepalive())
	}
	for _, wrong := range [][2]string{{"origin", ""}, {"origin", "a.example"}, {"origin", "https://a.example/path"},
		{"origin", "https://user@a.example"}, {"origin", "*"}, {"keepalive_timeout", "0"}, {"keepalive_timeout", "4000"}} {
		if moduletest.Set(t, m, wrong[0], wrong[1]) == nil {
			t.Errorf("%s %q is taken", wrong[0], wrong[1])
		}
	}
}
