package server_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
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
	"seraph/webui/internal/public"
	"seraph/webui/internal/server"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// TestCrawl follows every link from the first page on, with data in it, and
// looks at each page as a careful reader of its markup would.
func TestCrawl(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodUlLookup:    contacts(phones...),
		ctlproto.MethodPresenceGet: ctltest.Result(ctlproto.PresenceResult{Presence: map[string]ctlproto.PresenceStatus{"bob@example.org": ctlproto.StatusOnLine}}),
	}, func(o *server.Options) {
		o.AliasRules.Limit = 3
		o.CallMe = public.CallMeRules{PerOwner: 9, PerSource: 9, Window: time.Hour}
	})
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
	for _, kind := range []string{"text/html", hostile, "text/plain;charset=" + hostile, "image/svg+xml"} {
		_, err := s.db.Silo.Add(t.Context(), store.SiloMessage{
			Owner: alice, From: "sip:" + hostile + "@x", FromName: hostile, To: alice.URI(), Expires: s.clock.now().Add(time.Hour), ContentType: kind, Body: []byte("<script>alert(1)</script>\xff"),
		}, 0)
		check(t, err)
	}
	found, err := s.db.Profiles.Load(t.Context(), bob)
	check(t, err)
	found.FirstName, found.LastName, found.Findable = hostile, "Keller", true
	check(t, s.db.Profiles.Save(t.Context(), found))

	for i, text := range []string{hostile, "sip:" + hostile, "x"} {
		check(t, s.db.Calls.Record(t.Context(), []store.Call{{
			CallID: "made " + itoa(int64(i)), CallerURI: alice.URI(), CallerName: text, CalleeName: text, Callee: bob, Started: s.clock.now(),
			Answered: s.clock.now(), Ended: s.clock.now().Add(time.Minute), Code: 200, Reason: text,
		}}))
	}
	check(t, s.db.CallRules.Set(t.Context(), store.CallRule{Owner: alice, Kind: store.RuleBlock, Pattern: "*@spam.example", Enabled: true}))
	_, err = s.db.CallMe.Enter(t.Context(), alice, store.CallRequest{Visitor: "sip:v%3Ci%3E@visitor.example", Source: hostile}, store.CallMeLimits{PerOwner: 9, PerSource: 9, Window: time.Hour})
	check(t, err)
	check(t, s.db.CallMe.Allow(t.Context(), alice, true))
	s.shows(alice, store.PresenceEveryone)

	stranger := s.browser()
	inspect(t, stranger.get("/user/sign-in").is(200))
	inspect(t, stranger.post("/user/sign-in", "/user/sign-in", "user", hostile, "password", "x").is(422))
	inspect(t, stranger.get("/nothing").is(404))
	stranger.crawl("/user/sign-in", "/u/alice", "/user/goodbye")
	for _, route := range s.server.Routes() {
		if route.Method == http.MethodGet && route.Access == server.Anyone && !route.Bare && !strings.Contains(route.Path, ":") {
			if a := stranger.get(route.Path); a.Code != http.StatusSeeOther && a.Code != http.StatusNotFound {
				inspect(t, a)
			}
		}
	}

	s.browser().signIn("alice", "wonderland") // another browser, to be signed out
	b := s.browser().signIn("alice", "wonderland")
	seen := b.crawl("/user/phone-book")
	for _, route := range s.server.Routes() {
		found := slices.ContainsFunc(mapKeys(seen), func(at string) bool { return fits(route.Path, at) })
		if route.Method == http.MethodGet && strings.HasPrefix(route.Path, "/user/") && !route.Stream && !found && !unlinked[route.Path] {
			t.Errorf("no link leads to %s", route.Path)
		}
	}
	for _, at := range []string{"/user/calls?q=", "/user/phone-book/find?q=Keller&x=", "/user/messages/new?to=", "/user/dial?to=", "/user/account/rules/block?pattern=", "/user/phone-book/new?last_name="} {
		inspect(t, b.get(at+url.QueryEscape(hostile)).is(200))
	}
	preview := b.upload("/user/phone-book/import", hostile+".vcf",
		"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:"+hostile+"\r\nNOTE:"+hostile+"\r\nIMPP:sip:x@example.org\r\nEND:VCARD\r\nBEGIN:VCARD\r\nVERSION:4.0\r\nFN:"+hostile+"\r\nIMPP:javascript:"+hostile+"\r\nEND:VCARD\r\n")
	inspect(t, preview.is(200).shows(hostile))
	b.get("/user/phone-book/find?q=Keller").is(200).shows(hostile)
	s.browser().signIn("bob", "builder's").crawl("/user/phone-book") // who has nothing
}

// TestCrawlAsAdministrators: who has a privilege finds nothing broken on the
// users' pages either, and who has it for one domain nothing on the others.
func TestCrawlAsAdministrators(t *testing.T) {
	s := adminStand(t, map[string]ctltest.Handler{ctlproto.MethodPresenceGet: ctltest.Result(ctlproto.PresenceResult{})})
	for _, who := range []aor.AOR{root, dora} {
		s.browser().signIn(who.String(), adminPassword).crawl("/user/phone-book")
		seen := s.admin(who).crawl("/admin")
		if len(seen) < 8 {
			t.Errorf("%s found only %v", who.String(), mapKeys(seen))
		}
	}
}

// crawl follows every link from some pages on, and looks at each page. Of what is
// no page but a file to keep it wants that it is there.
func (b *browser) crawl(from ...string) map[string]bool {
	b.t.Helper()
	titles, seen := map[string]string{}, map[string]bool{}
	for queue := from; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if seen[at] || len(seen) > 250 {
			continue
		}
		seen[at] = true
		a := b.get(at)
		if to := a.Header.Get("Location"); a.Code == http.StatusSeeOther && b.cookies["seraph_session"] == nil && strings.HasPrefix(to, "/user/sign-in") {
			continue // for those who are signed in
		}
		if a.is(200); strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
			continue
		}
		inspect(b.t, a)
		page := routeOf(b.stand, at)
		if other, twice := titles[title(a)]; twice && other != page {
			b.t.Errorf("%s and %s have the same title %q", other, page, title(a))
		}
		titles[title(a)] = page
		queue = append(queue, links(a)...)
	}
	return seen
}

// upload sends a file by the form of a page.
func (b *browser) upload(page, name, content string) *answer {
	b.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	check(b.t, w.WriteField("csrf", b.get(page).form(page).Get("csrf")))
	part, err := w.CreateFormFile("file", name)
	check(b.t, err)
	_, err = part.Write([]byte(content))
	check(b.t, err)
	check(b.t, w.Close())
	r := httptest.NewRequest(http.MethodPost, "http://portal.example.org"+page, &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return b.send(r)
}

// unlinked are pages that nothing leads to here: one leaves the sign-in page
// behind, an attempt begins with a POST, as do the question about several
// entries and the end of an account.
var unlinked = map[string]bool{"/user/sign-in": true, "/user/dial/:id": true, "/user/phone-book/delete": true, "/user/goodbye": true}

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
func links(a *answer) []string {
	return linksBelow(a, "/user/", "/u/", "/admin/", "/sign-up/", "/reset/")
}

// linksBelow is links for the portals below some paths.
func linksBelow(a *answer, portals ...string) (all []string) {
	each(a.doc, func(n *html.Node) {
		to := attr(n, "href")
		if n.Type != html.ElementNode || n.Data != "a" || strings.HasPrefix(to, "#") {
			return
		}
		u, err := url.Parse(to)
		if err != nil || u.Host != "" || !slices.ContainsFunc(portals, func(portal string) bool { return strings.HasPrefix(u.Path+"/", portal) }) {
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
		t.Errorf("%s: "+format, append([]any{a.what}, args...)...)
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
	if !strings.Contains(a.Body, `<html lang="`+a.Header.Get("Content-Language")+`"`) || !strings.Contains(a.Body, `<a class="skip" href="#main">`) {
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
