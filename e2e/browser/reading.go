package browser

// Reading is what a path of the site answers, read without being shown.
type Reading struct {
	Status int
	Type   string // the media type
	At     string // the path and query that redirects led to
	Title  string
	Lang   string
	H1     int
	Links  []string // where its links lead, as they are written
	Forms  []string // where its forms that change nothing lead, with the first thing ticked
	Faults []string // controls without a label or a name
}

// readPage fetches a path with the page's cookies. Links that are shown later by a
// script stand in templates, which are not looked into.
const readPage = `async path => {
	const answer = await fetch(path, {credentials: "same-origin", cache: "no-store"});
	const at = new URL(answer.url);
	const reading = {Status: answer.status, Type: (answer.headers.get("content-type") || "").split(";")[0].trim(), At: at.pathname + at.search};
	const text = await answer.text();
	if (reading.Type !== "text/html") return reading;
	const page = new DOMParser().parseFromString(text, "text/html");
	const labels = new Set([...page.querySelectorAll("label[for]")].map(l => l.htmlFor));
	const named = e => e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.title;
	const fields = [...page.querySelectorAll("input, select, textarea")].filter(e => e.type !== "hidden" && e.type !== "submit" && e.ariaHidden !== "true");
	const doers = [...page.querySelectorAll("button, a[href], summary")];
	const asks = page => [...page.querySelectorAll("form[method=get]")].map(form => {
		const box = [...form.elements].find(e => e.type === "checkbox");
		if (box) box.checked = true;
		return form.getAttribute("action") + "?" + new URLSearchParams(new FormData(form));
	});
	return {...reading, Title: page.title, Lang: page.documentElement.lang, H1: page.querySelectorAll("h1").length,
		Links: [...page.querySelectorAll("a[href]")].map(a => a.getAttribute("href")), Forms: asks(page),
		Faults: [
			...fields.filter(e => !named(e) && !e.closest("label") && !labels.has(e.id)).map(e => "no label: " + e.outerHTML),
			...doers.filter(e => !named(e) && !e.textContent.trim()).map(e => "no name: " + e.outerHTML),
		].map(fault => fault.slice(0, 200)),
	};
}`

// Read reads a path of the site as who is signed in.
func (b *Browser) Read(path string) Reading {
	b.t.Helper()
	reading, err := settled[Reading](b, readPage, path)
	if err != nil {
		b.t.Fatalf("read %s: %v", path, err)
	}
	return reading
}

// Base is where the site is, without a final slash.
func (b *Browser) Base() string { return b.base }
