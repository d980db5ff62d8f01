package browser

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

const page = `<!doctype html><html lang="en"><head><title>Try</title></head><body><main><h1>Try</h1>
<form method="post" action="/there"><label for="n">First name</label><input id="n" name="n">
<button aria-label="Call Bob Keller">Call</button></form>
<table><thead><tr><th>Who</th></tr></thead><tbody><tr data-aor="bob@example.org" data-status="online"><td>Bob</td></tr></tbody></table>
</main></body></html>`

// TestBrowser tries the driver itself on a page that is known to be right.
func TestBrowser(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; form-action 'self'")
		if r.URL.Path == "/there" {
			_, _ = w.Write([]byte(`<!doctype html><html lang="en"><title>There</title><main><h1>Hello ` + r.FormValue("n") + `</h1></main></html>`))
			return
		}
		_, _ = w.Write([]byte(page))
	}))
	defer site.Close()
	b := Start(t, site.URL)
	b.Open("/")
	b.Status("bob@example.org", "online", time.Second)
	for _, l := range []Look{{390, "light"}, {1280, "dark"}} {
		b.Wear(l)
		b.Accessible("the page")
		b.FitsWidth("the page")
	}
	b.Fill("First name", "Ann")
	b.Press("Call Bob Keller")
	b.Shows("hello ann")
	if b.Path() != "/there" {
		t.Errorf("the form led to %s", b.Path())
	}
}
