package e2e_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// front stands between the browsers and the portal: it counts the streams that are
// open, and can be cut.
type front struct {
	*httptest.Server

	mu      sync.Mutex
	streams int               // open now
	opened  int               // ever
	conns   map[net.Conn]bool // of the browsers
	cut     bool
}

// newFront starts a front of the portal at base.
func newFront(t *testing.T, base string) *front {
	t.Helper()
	at, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{conns: map[net.Conn]bool{}}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(at)
			r.Out.Host = r.In.Host // whose pages they are for the browser
		},
	}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/user/events" {
			f.count(1)
			defer f.count(-1)
		}
		proxy.ServeHTTP(w, r)
	}))
	f.Config.ConnState = f.sees
	f.Start()
	t.Cleanup(func() { f.Cut(); f.Close() })
	return f
}

func (f *front) count(by int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.streams += by
	f.opened += max(by, 0)
}

// sees notes a connection, and refuses it while the front is cut.
func (f *front) sees(c net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case state == http.StateClosed || state == http.StateHijacked:
		delete(f.conns, c)
	case f.cut:
		c.Close()
	default:
		f.conns[c] = true
	}
}

// Cut breaks every connection and takes no new one.
func (f *front) Cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = true
	for c := range f.conns {
		c.Close()
	}
}

// Mend ends Cut.
func (f *front) Mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = false
}

// Streams are the open ones, and how many were opened.
func (f *front) Streams() (now, ever int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.streams, f.opened
}
