package session

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckOrigin(t *testing.T) {
	for _, c := range []struct {
		name, site, origin string
		client             Client
		ok                 bool
	}{
		{"same origin", "same-origin", "null", plain, true},
		{"typed by hand", "none", "", plain, true},
		{"cross site", "cross-site", "", plain, false},
		{"a neighbour under the same domain", "same-site", "", plain, false},
		{"old browser, own page", "", "http://portal.example.org", plain, true},
		{"old browser, hidden origin: the token decides", "", "null", plain, true},
		{"old browser, another host", "", "http://evil.example", plain, false},
		{"old browser, another port", "", "http://portal.example.org:81", plain, false},
		{"old browser, without TLS against with", "", "http://portal.example.org", safe, false},
		{"old browser, with TLS", "", "https://portal.example.org", safe, true},
		{"nonsense", "", "%zz", plain, false},
		{"no browser: the token decides", "", "", plain, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/user/theme", nil)
			for name, value := range map[string]string{"Sec-Fetch-Site": c.site, "Origin": c.origin} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			if err := CheckOrigin(r, c.client); (err == nil) != c.ok || !c.ok && !errors.Is(err, ErrCrossSite) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestVisitToken(t *testing.T) {
	w := httptest.NewRecorder()
	token := Visit(w, httptest.NewRequest(http.MethodGet, "/user/sign-in", nil), plain)
	cookie := w.Result().Cookies()[0]
	if !cookie.HttpOnly || strings.Contains(cookie.Value, token) {
		t.Fatalf("cookie %+v gives the token away", cookie)
	}
	r := httptest.NewRequest(http.MethodPost, "/user/sign-in", nil)
	if err := CheckToken(VisitToken(r, plain), token); !errors.Is(err, ErrBadToken) {
		t.Errorf("without the cookie: %v", err)
	}
	if err := CheckToken(VisitToken(r, plain), ""); !errors.Is(err, ErrBadToken) {
		t.Errorf("without either: %v", err)
	}
	r.AddCookie(cookie)
	if err := CheckToken(VisitToken(r, plain), token); err != nil {
		t.Errorf("with both: %v", err)
	}
	if err := CheckToken(VisitToken(r, plain), token[1:]+"x"); !errors.Is(err, ErrBadToken) {
		t.Errorf("with a forged token: %v", err)
	}
	again := httptest.NewRecorder()
	if got := Visit(again, r, plain); got != token || len(again.Result().Cookies()) != 0 {
		t.Errorf("a second page has the token %q, want %q", got, token)
	}
}

func TestFlash(t *testing.T) {
	mine, other := &Current{token: "mine", scope: userScope}, &Current{token: "other", scope: userScope}
	note := Flash{Key: "phonebook.deleted", Args: []string{"<b>Bob</b>"}, UndoPath: "/user/phone-book/new", Undo: map[string]string{"address": "bob"}}
	send := func(f Flash) *http.Request {
		w := httptest.NewRecorder()
		mine.SetFlash(w, plain, f)
		r := httptest.NewRequest(http.MethodGet, "/user/phone-book", nil)
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		return r
	}
	w := httptest.NewRecorder()
	got, ok := mine.TakeFlash(w, send(note), plain)
	if diff := cmp.Diff(note, got); !ok || diff != "" {
		t.Errorf("taken %v: %s", ok, diff)
	}
	if c := w.Result().Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("the cookie is not dropped: %v", c)
	}
	if _, ok := other.TakeFlash(httptest.NewRecorder(), send(note), plain); ok {
		t.Error("another session takes it")
	}
	if _, ok := (&Current{token: "mine", scope: adminScope}).TakeFlash(httptest.NewRecorder(), send(note), plain); ok {
		t.Error("the administrators' portal takes it")
	}
	forged := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, value := range []string{"", ".", "x", encodeFlash(note), encodeFlash(note) + "." + strings.Repeat("a", 43), strings.Repeat("a", 43)} {
		forged.Header.Set("Cookie", "seraph_flash="+value)
		if f, ok := mine.TakeFlash(httptest.NewRecorder(), forged, plain); ok {
			t.Errorf("forged %.30q is taken: %+v", value, f)
		}
	}
	note.Undo["note"] = strings.Repeat("x", 4000)
	if got, ok := mine.TakeFlash(httptest.NewRecorder(), send(note), plain); !ok || got.Undo != nil || got.Key != note.Key {
		t.Errorf("too long: %v %+v, want the note without its undo", ok, got)
	}
	note = Flash{Key: strings.Repeat("k", 4000)}
	if _, ok := mine.TakeFlash(httptest.NewRecorder(), send(note), plain); ok {
		t.Error("a note that fits no cookie is there")
	}
}

func TestTheme(t *testing.T) {
	for _, theme := range []string{"light", "dark", ""} {
		w := httptest.NewRecorder()
		SetTheme(w, safe, theme)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, c := range w.Result().Cookies() {
			if c.MaxAge > 0 {
				r.AddCookie(c)
			}
		}
		if got := Theme(r, safe); got != theme {
			t.Errorf("theme %q, want %q", got, theme)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", `seraph_theme=dark"><script>`)
	if got := Theme(r, plain); got != "" {
		t.Errorf("a theme that there is not: %q", got)
	}
}

// TestSameOrigin: only a browser that says so is believed; silence is none.
func TestSameOrigin(t *testing.T) {
	for _, c := range []struct {
		site, origin string
		want         bool
	}{
		{"same-origin", "", true}, {"same-origin", "null", true}, {"", "https://portal.example.org", true},
		{"", "", false}, {"", "null", false}, {"none", "https://portal.example.org", false}, {"same-site", "https://portal.example.org", false},
		{"cross-site", "https://portal.example.org", false}, {"", "http://portal.example.org", false}, {"", "https://evil.example.org", false}, {"", "%", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/x", nil)
		for name, value := range map[string]string{"Sec-Fetch-Site": c.site, "Origin": c.origin} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if got := SameOrigin(r, Client{Host: "portal.example.org", Secure: true}); got != c.want {
			t.Errorf("Sec-Fetch-Site %q, Origin %q: %t", c.site, c.origin, got)
		}
	}
}
