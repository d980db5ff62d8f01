package server_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"seraph/webui/internal/assets"
	"seraph/webui/internal/server"
	"seraph/webui/internal/view"
)

func TestGateSaysWhatItWaitsFor(t *testing.T) {
	s := newStand(t, nil)
	files, err := assets.Load()
	check(t, err)
	g := server.NewGate(files, s.pages, view.M("waiting.database"))
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	for _, path := range []string{"/", "/user/phone-book", "/nothing"} {
		w := get(path)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Security-Policy") == "" ||
			!strings.Contains(w.Body.String(), "The database cannot be reached yet.") || !strings.Contains(w.Body.String(), `http-equiv="refresh"`) {
			t.Errorf("%s: status %d, header %v, body:\n%s", path, w.Code, w.Header(), w.Body)
		}
	}
	g.Wait(view.M("waiting.schema"))
	if w := get("/user"); !strings.Contains(w.Body.String(), "seraphctl db migrate") {
		t.Errorf("old schema: body:\n%s", w.Body)
	}
	if w := get("/healthz"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("/healthz: status %d", w.Code)
	}
	if w := get("/static/seraph.css"); w.Code != http.StatusOK {
		t.Errorf("the style sheet: status %d", w.Code)
	}
	g.Open(s.server)
	if w := get("/user/sign-in"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Sign in") {
		t.Errorf("opened: status %d, body:\n%s", w.Code, w.Body)
	}
	if w := get("/healthz"); w.Code != http.StatusOK {
		t.Errorf("/healthz: status %d", w.Code)
	}
}

// TestStreamsEndWithTheServer: before the HTTP server waits for its requests.
func TestStreamsEndWithTheServer(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() { defer close(ran); s.server.Run(ctx) }()
	h := httptest.NewServer(s.server)
	defer h.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/user/events", nil)
	check(t, err)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("status %d, %v", answer.StatusCode, answer.Header)
	}
	stop()
	_, err = io.Copy(io.Discard, answer.Body) // returns only when the stream has ended
	t.Log("the stream ended with", err)
	<-ran
}

// TestGuardedStreamEndsWithTheServer is the same for a page that looks at
// nothing but its context.
func TestGuardedStreamEndsWithTheServer(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	began := make(chan struct{})
	h := server.Guard(s.server, server.Route{Method: "GET", Path: "/user/endless", Stream: true, Handler: func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	}})
	r := httptest.NewRequest(http.MethodGet, "http://portal.example.org/user/endless", nil)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); h(httptest.NewRecorder(), r) }()
	<-began
	server.StopStreams(s.server)
	<-ended
}
