package server_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/server"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// TestCrawl follows every link from the first page on, with data in it, and
// looks at each page as a careful reader of its markup would.
func TestCrawl(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodUlLookup:    contacts(phones...),
		ctlproto.MethodPresenceGet: ctltest.Result(ctlproto.PresenceResult{Presence: map[string]ctlproto.PresenceStatus{"bob@example.org": ctlproto.StatusOnLine}}),
	}, func(o *server.Options) { o.AliasRules.Limit = 3 })
	for _, e := range []store.Entry{{FirstName: "Bob", LastName: hostile, Address: "bob", Group: hostile, Note: hostile}, {Address: "erin@iptel.org"}} {
		_, err := s.db.Phonebook.Add(t.Context(), alice, e)
		check(t, err)
	}
	check(t, s.db.Dials.Add(t.Context(), alice, "sip:bob@example.org"))
	check(t, s.db.Aliases.Add(t.Context(), aor.AOR{User: "marsh", Domain: "example.org"}, alice))
	check(t, s.db.Groups.Grant(t.Context(), alice, "int"))
	check(t, s.db.Calls.Record(t.Context(), []store.Call{{
		CallID: "1", CallerURI: "sip:erin@iptel.org", CallerName: hostile, Callee: alice, Started: s.clock.now(), Code: 480, Reason: hostile,
	}}))
	for range 2 {
		_, err := s.db.Silo.Add(t.Context(), store.SiloMessage{
			Owner: alice, From: "sip:bob@example.org", FromName: hostile, To: alice.URI(), Expires: s.clock.now().Add(time.Hour),
			ContentType: "text/plain", Body: []byte(hostile),
		}, 0)
		check(t, err)
	}

	stranger := s.browser()
	inspect(t, stranger.get("/user/sign-in").is(200))
	inspect(t, stranger.post("/user/sign-in", "/user/sign-in", "user", hostile, "password", "x").is(422))
	inspect(t, stranger.get("/nothing").is(404))

	b := s.browser().signIn("alice", "wonderland")
	titles := map[string]string{}
	queue, seen := []string{"/user/phone-book"}, map[string]bool{}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if seen[at] || len(seen) > 200 {
			continue
		}
		seen[at] = true
		a := b.get(at).is(200)
		inspect(t, a)
		page := routeOf(s, at)
		if other, twice := titles[title(a)]; twice && other != page {
			t.Errorf("%s and %s have the same title %q", other, page, title(a))
		}
		titles[title(a)] = page
		queue = append(queue, links(a)...)
	}
	for _, route := range s.server.Routes() {
		found := slices.ContainsFunc(mapKeys(seen), func(at string) bool { return fits(route.Path, at) })
		if route.Method == http.MethodGet && strings.HasPrefix(route.Path, "/user/") && !route.Stream && !found && !unlinked[route.Path] {
			t.Errorf("no link leads to %s", route.Path)
		}
	}
}

// unlinked are pages that nothing leads to here: one leaves the sign-in page
// behind, and an attempt begins with a POST.
var unlinked = map[string]bool{"/user/sign-in": true, "/user/dial/:id": true}

// routeOf is the path of the route that an address belongs to.
func routeOf(s *stand, at string) string {
	for _, r := range s.server.Routes() {
		if r.Method == http.MethodGet && fits(r.Path, at) {
			return r.Path
		}
	}
	return at
}

// fits reports whether an address is one of a route's.
func fits(route, at string) bool {
	at, _, _ = strings.Cut(at, "?")
	want, have := strings.Split(route, "/"), strings.Split(at, "/")
	return len(want) == len(have) && !slices.ContainsFunc(want, func(part string) bool {
		i := slices.Index(want, part)
		return part != have[i] && !strings.HasPrefix(part, ":")
	})
}

func mapKeys(m map[string]bool) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}

func title(a *answer) (text string) {
	each(a.doc, func(n *html.Node) {
		if n.Data == "title" && n.Parent.Data == "head" && n.FirstChild != nil {
			text = n.FirstChild.Data
		}
	})
	return text
}

// links are the addresses that a page leads to; what its script may show later
// stands in templates, which each does not look into.
func links(a *answer) []string { return linksBelow(a, "/user/") }

// linksBelow is links for the portal below a path.
func linksBelow(a *answer, portal string) (all []string) {
	each(a.doc, func(n *html.Node) {
		to := attr(n, "href")
		if n.Type != html.ElementNode || n.Data != "a" || strings.HasPrefix(to, "#") {
			return
		}
		u, err := url.Parse(to)
		if err != nil || u.Host != "" || !strings.HasPrefix(to+"/", portal) {
			a.t.Errorf("%s: a link to %q", a.what, to)
			return
		}
		all = append(all, to)
	})
	return all
}

// inspect checks the markup of one page.
func inspect(t *testing.T, a *answer) {
	t.Helper()
	fault := func(format string, args ...any) {
		t.Helper()
		t.Errorf(a.what+": "+format, args...)
	}
	ids, labels, headings := map[string]int{}, map[string]bool{}, 0
	each(a.doc, func(n *html.Node) {
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
		if n.Data == "label" && has(n, "for") {
			labels[attr(n, "for")] = true
		}
		if n.Data == "h1" {
			headings++
		}
	})
	for id, n := range ids {
		if n > 1 {
			fault("the id %s is there %d times", id, n)
		}
	}
	if headings != 1 {
		fault("%d h1", headings)
	}
	if !strings.HasSuffix(title(a), " – Seraph") {
		fault("title %q", title(a))
	}
	if !strings.Contains(a.Body, `<html lang="en"`) || !strings.Contains(a.Body, `<a class="skip" href="#main">`) {
		fault("no language or no skip link")
	}
	if strings.Contains(a.Body, "<script>") || strings.Contains(a.Body, "alert(1)</script>") {
		fault("hostile text became markup")
	}
	each(a.doc, func(n *html.Node) {
		if n.Type == html.ElementNode {
			inspectElement(n, ids, labels, fault)
		}
	})
}

// inspectElement checks what the policy forbids and what a screen reader needs.
func inspectElement(n *html.Node, ids map[string]int, labels map[string]bool, fault func(string, ...any)) {
	for _, at := range n.Attr {
		if at.Key == "style" || strings.HasPrefix(at.Key, "on") || strings.HasPrefix(at.Key, "hx-on") {
			fault("<%s %s=%q> is inline", n.Data, at.Key, at.Val)
		}
		if at.Key == "aria-describedby" || at.Key == "aria-labelledby" {
			for id := range strings.FieldsSeq(at.Val) {
				if ids[id] == 0 {
					fault("%s=%q: there is no such id", at.Key, id)
				}
			}
		}
	}
	switch n.Data {
	case "style":
		fault("a style element")
	case "script":
		if !strings.HasPrefix(attr(n, "src"), "/static/") {
			fault("a script that is not ours: %q", attr(n, "src"))
		}
	case "form":
		inspectForm(n, fault)
	case "input", "select", "textarea":
		hidden := attr(n, "type") == "hidden" || attr(n, "aria-hidden") == "true"
		if !hidden && !labels[attr(n, "id")] && n.Parent.Data != "label" && attr(n, "aria-label") == "" {
			fault("field %s has no label", attr(n, "name"))
		}
	case "button", "a", "summary":
		if strings.TrimSpace(textOf(n)) == "" && attr(n, "aria-label") == "" {
			fault("a %s without a name", n.Data)
		}
	}
}

func inspectForm(n *html.Node, fault func(string, ...any)) {
	token := false
	each(n, func(n *html.Node) { token = token || attr(n, "name") == "csrf" && attr(n, "value") != "" })
	if post := strings.EqualFold(attr(n, "method"), "post"); post != token {
		fault("the form for %s: POST %v, token %v", attr(n, "action"), post, token)
	}
}

func textOf(n *html.Node) string {
	var text strings.Builder
	each(n, func(n *html.Node) {
		if n.Type == html.TextNode {
			text.WriteString(n.Data)
		}
	})
	return text.String()
}
