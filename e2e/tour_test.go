package e2e_test

import (
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"seraph/e2e/browser"
	"seraph/e2e/stand"
)

// route is a line of the portal's own site map.
type route struct {
	method, path string
	open         bool // for everybody
	kind         string
}

// siteMap asks the portal for its routes.
func siteMap(t *testing.T) []route {
	t.Helper()
	out, err := exec.Command(stand.Programs(t).WebUI, "--routes").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []route
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) != 4 {
			t.Fatalf("a route with %d words: %q", len(f), line)
		}
		all = append(all, route{f[0], f[1], f[2] == "anyone", f[3]})
	}
	if len(all) < 60 {
		t.Fatalf("only %d routes", len(all))
	}
	return all
}

// fits reports whether a path is one of the route's.
func (r route) fits(path string) bool {
	want, have := strings.Split(r.path, "/"), strings.Split(path, "/")
	for i, part := range want {
		if len(have) != len(want) || part != have[i] && !strings.HasPrefix(part, ":") {
			return false
		}
	}
	return true
}

// tour is a walk through the site in somebody's role: it follows every link and reads
// each page as a careful reader would.
type tour struct {
	*browser.Browser
	t      *testing.T
	role   string
	routes []route
	seen   map[string]bool
	visits map[string]int    // by route
	sample map[string]string // of each route that is a page, an address that has it
	titles map[string]string // whose each one is
	forms  map[string]bool   // addresses that a form leads to
}

// visitsOf is how many addresses of one route are read: lists lead to many.
const visitsOf = 8

func newTour(t *testing.T, b *browser.Browser, role string) *tour {
	return &tour{b, t, role, siteMap(t), map[string]bool{}, map[string]int{}, map[string]string{}, map[string]string{}, map[string]bool{}}
}

// from reads the pages that can be reached from these, all of them.
func (r *tour) from(starts ...string) {
	r.t.Helper()
	type link struct{ to, on string }
	var queue []link
	for _, start := range starts {
		queue = append(queue, link{start, "the list of pages"})
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, next := range r.read(at.to, at.on) {
			queue = append(queue, link{next, at.to})
		}
	}
}

// routeOf is the route that an address has; one without variable parts before others.
func (r *tour) routeOf(at string) (found route, ok bool) {
	path, _, _ := strings.Cut(at, "?")
	for _, one := range r.routes {
		if one.method == "GET" && one.fits(path) && (!ok || !strings.Contains(one.path, ":")) {
			found, ok = one, true
		}
	}
	return found, ok
}

// read reads one address and returns where it leads.
func (r *tour) read(at, linkedBy string) (links []string) {
	r.t.Helper()
	to, ok := r.routeOf(at)
	if !ok {
		r.t.Errorf("%s: %s leads to %s, which no route has", r.role, linkedBy, at)
		return nil
	}
	if r.seen[at] || r.visits[to.path] >= visitsOf || to.kind == "stream" {
		return nil
	}
	r.seen[at] = true
	r.visits[to.path]++
	got := r.Read(at)
	if got.Status != 200 && (got.Status != 422 || !r.forms[at]) { // a form may want to be filled in
		r.t.Errorf("%s: %s, a link on %s, answers %d", r.role, at, linkedBy, got.Status)
		return nil
	}
	if got.Type != "text/html" {
		return nil
	}
	if shown, ok := r.routeOf(got.At); ok && shown == to && to.kind == "page" {
		r.inspect(to, at, got)
	}
	for _, link := range got.Links {
		if next := r.follow(at, link); next != "" {
			links = append(links, next)
		}
	}
	for _, form := range got.Forms {
		if next := r.follow(at, form); next != "" {
			r.forms[next] = true
			links = append(links, next)
		}
	}
	return links
}

// inspect looks at what every page has to have.
func (r *tour) inspect(to route, at string, got browser.Reading) {
	r.t.Helper()
	if r.sample[to.path] == "" {
		r.sample[to.path] = at
	}
	if !strings.HasSuffix(got.Title, " – Seraph") || got.H1 != 1 || got.Lang == "" {
		r.t.Errorf("%s: %s has the title %q, %d h1, the language %q", r.role, at, got.Title, got.H1, got.Lang)
	}
	if other := r.titles[got.Title]; other != "" && other != to.path {
		r.t.Errorf("%s: %s and %s have the same title %q", r.role, other, to.path, got.Title)
	}
	r.titles[got.Title] = to.path
	for _, fault := range got.Faults {
		r.t.Errorf("%s: %s: %s", r.role, at, fault)
	}
}

// follow is where a link of a page leads on this site, "" for nowhere.
func (r *tour) follow(at, link string) string {
	r.t.Helper()
	from, err := url.Parse(at)
	if err != nil {
		r.t.Fatal(err)
	}
	to, err := from.Parse(link)
	if err != nil {
		r.t.Errorf("%s: %s has a link to %q", r.role, at, link)
		return ""
	}
	switch {
	case to.Scheme == "mailto" || to.Scheme == "sip" || to.Scheme == "tel":
		return ""
	case to.Host != "" && "http://"+to.Host != r.Base():
		r.t.Errorf("%s: %s leads away, to %q", r.role, at, link)
		return ""
	}
	to.Fragment, to.Host, to.Scheme, to.User = "", "", "", nil
	return to.String()
}
