package user_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"seraph/sql/aor"
)

// browser is a person at a browser without JavaScript.
type browser struct {
	t      *testing.T
	site   *site
	client *http.Client
	csrf   string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	path   string // of the page that redirects led to
}

// signIn opens a browser and signs somebody in.
func (s *site) signIn(who aor.AOR) *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	check(s.t, err)
	b := &browser{t: s.t, site: s, client: &http.Client{Jar: jar}}
	b.get("/user/sign-in")
	got := b.post("/user/sign-in", "user", who.String(), "password", password)
	if got.path != "/user/phone-book" || got.status != http.StatusOK {
		s.t.Fatalf("sign-in as %s led to %s, status %d:\n%s", who, got.path, got.status, got.body)
	}
	return b
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (b *browser) do(r *http.Request) answer {
	b.t.Helper()
	response, err := b.client.Do(r)
	check(b.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(b.t, err)
	if m := csrfField.FindSubmatch(body); m != nil {
		b.csrf = string(m[1])
	}
	return answer{response.StatusCode, response.Header, string(body), response.Request.URL.Path}
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.site.url+path, nil)
	check(b.t, err)
	return b.do(r)
}

// request makes a POST with the page's CSRF token.
func (b *browser) request(path string, pairs ...string) *http.Request {
	b.t.Helper()
	values := url.Values{"csrf": {b.csrf}}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, b.site.url+path, strings.NewReader(values.Encode()))
	check(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (b *browser) post(path string, pairs ...string) answer {
	b.t.Helper()
	return b.do(b.request(path, pairs...))
}

// htmx is post as the page's script sends it.
func (b *browser) htmx(path string, pairs ...string) answer {
	b.t.Helper()
	r := b.request(path, pairs...)
	r.Header.Set("HX-Request", "true")
	return b.do(r)
}

// shows fails the test unless the page shows the texts.
func (a answer) shows(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d:\n%s", a.status, status, a.body)
		return
	}
	shown := html.UnescapeString(a.body)
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			t.Errorf("%s does not show %q:\n%s", a.path, text, a.body)
		}
	}
}

// hides fails the test if the answer has one of the texts, as it is sent.
func (a answer) hides(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Errorf("%s has %q:\n%s", a.path, text, a.body)
		}
	}
}

// row is the row of an address: its status.
func (a answer) rowStatus(t *testing.T, address string) string {
	t.Helper()
	m := regexp.MustCompile(`<tr data-aor="` + regexp.QuoteMeta(address) + `" data-status="([^"]*)"`).FindStringSubmatch(html.UnescapeString(a.body))
	if m == nil {
		t.Fatalf("no row of %s:\n%s", address, a.body)
	}
	return m[1]
}
