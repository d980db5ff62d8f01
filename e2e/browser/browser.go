// Package browser drives Chromium the way a person does: it fills fields by their
// labels and presses buttons by their names, so the tests hold the portal to what
// a user sees and a screen reader says, not to its markup.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"seraph/e2e/wait"
)

// patience is the deadline of everything that a page is waited for.
const patience = 10 * time.Second

// Browser is one Chromium window with a profile of its own.
type Browser struct {
	t      testing.TB
	ctx    context.Context
	base   string
	closed bool
}

// Start starts Chromium for the site at base; it ends with the test. Errors of
// scripts and refusals of the content security policy fail the test. More options are
// Chromium's switches.
func Start(t testing.TB, base string, more ...chromedp.ExecAllocatorOption) *Browser {
	t.Helper()
	place, err := os.MkdirTemp("", "chromium") // of a short name: Chromium makes a socket in it, which it leaves behind
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.Env("TMPDIR="+place),
		chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.WindowSize(1280, 900))
	options = append(options, more...)
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	b := &Browser{t: t, base: base}
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithListener(b.observe))
	b.ctx = ctx
	t.Cleanup(func() {
		b.keepOnFailure()
		cancel()
		cancelAlloc()
		_ = os.RemoveAll(place)
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return b
}

// run runs actions within patience; a failure ends the test.
func (b *Browser) run(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("browser: %s: %v", what, err)
	}
}

// Open goes to a path of the site.
func (b *Browser) Open(path string) {
	b.t.Helper()
	b.run("open "+path, chromedp.Navigate(b.base+path))
}

// eval runs a function of the page with JSON arguments and returns its value.
func eval[T any](b *Browser, function string, args ...any) (T, error) {
	return run[T](b, patience, function, args)
}

// settled is eval of a function that promises something, once it is there.
func settled[T any](b *Browser, function string, args ...any) (T, error) {
	return run[T](b, 3*patience, function, args, chromedp.EvalAwaitPromise)
}

func run[T any](b *Browser, within time.Duration, function string, args []any, how ...chromedp.EvaluateOption) (T, error) {
	text, err := json.Marshal(args)
	if err != nil {
		var none T
		return none, err
	}
	if args == nil {
		text = []byte("[]")
	}
	ctx, cancel := context.WithTimeout(b.ctx, within)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T]("("+function+")(..."+string(text)+")", how...))
}

// Path is the path of the page that is shown.
func (b *Browser) Path() string {
	b.t.Helper()
	path, err := eval[string](b, "() => location.pathname")
	if err != nil {
		b.t.Fatal(err)
	}
	return path
}

// Title is the page's title.
func (b *Browser) Title() string {
	b.t.Helper()
	title, err := eval[string](b, "() => document.title")
	if err != nil {
		b.t.Fatal(err)
	}
	return title
}

// Text is what the page shows, as a reader sees it.
func (b *Browser) Text() string {
	text, err := eval[string](b, "() => document.body ? document.body.innerText : ''")
	if err != nil {
		return "" // between two pages
	}
	return text
}

// Shows waits until the page shows the text.
func (b *Browser) Shows(text string) {
	b.t.Helper()
	b.ShowsWithin(patience, text)
}

// ShowsWithin is Shows with another deadline. Case and spaces do not matter.
func (b *Browser) ShowsWithin(d time.Duration, text string) {
	b.t.Helper()
	want := squeeze(text)
	if !wait.Until(d, func() bool { return strings.Contains(squeeze(b.Text()), want) }) {
		b.t.Fatalf("%s does not show %q within %v; it shows:\n%s", b.Path(), text, d, b.Text())
	}
}

func squeeze(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// fillByLabel finds the control that a label names and types into it.
const fillByLabel = `(label, value) => {
	const same = s => (s || "").replace(/[*:\s]+/g, " ").trim().toLowerCase() === label.toLowerCase();
	const fields = [...document.querySelectorAll("input, textarea, select")].filter(e => e.type !== "hidden" && e.offsetParent !== null);
	const field = fields.find(e => [...(e.labels || [])].some(l => same(l.textContent)) || same(e.getAttribute("aria-label")))
		|| fields.find(e => [...(e.labels || [])].some(l => l.textContent.toLowerCase().includes(label.toLowerCase())));
	if (!field) return "no field is labelled so; there are: " + fields.map(e => [...(e.labels || [])].map(l => l.textContent.trim()).join("/")).join(", ");
	field.focus();
	field.value = value;
	field.dispatchEvent(new Event("input", {bubbles: true}));
	field.dispatchEvent(new Event("change", {bubbles: true}));
	return "";
}`

// Fill types into the field with that label.
func (b *Browser) Fill(label, value string) {
	b.t.Helper()
	b.does("fill "+label, fillByLabel, label, value)
}

// Tick clicks the checkbox with that label.
func (b *Browser) Tick(label string) {
	b.t.Helper()
	b.does("tick "+label, `label => {
		const box = [...document.querySelectorAll("input[type=checkbox]")].find(e => e.offsetParent !== null &&
			[e.getAttribute("aria-label") || "", ...[...(e.labels || [])].map(l => l.innerText)].some(l => l.toLowerCase().includes(label.toLowerCase())));
		if (!box) return "no checkbox is labelled so";
		box.click();
		return "";
	}`, label)
}

// pressByName clicks the button or link with that accessible name.
const pressByName = `name => {
	const same = s => (s || "").replace(/\s+/g, " ").trim().toLowerCase() === name.toLowerCase();
	const all = [...document.querySelectorAll("button, a[href], summary, input[type=submit], [role=button], [role=menuitem]")]
		.filter(e => e.offsetParent !== null || getComputedStyle(e).position === "fixed");
	const hit = all.find(e => same(e.getAttribute("aria-label"))) || all.find(e => same(e.innerText || e.value || e.title));
	if (!hit) return "nothing has that name; there are: " + all.map(e => e.getAttribute("aria-label") || e.innerText || e.value).join(", ");
	hit.scrollIntoView({block: "center"});
	hit.click();
	return "";
}`

// Press presses the button or follows the link with that name.
func (b *Browser) Press(name string) {
	b.t.Helper()
	b.does("press "+name, pressByName, name)
}

// does waits until a function of the page answers "", its word for success.
func (b *Browser) does(what, function string, args ...any) {
	b.t.Helper()
	wait.For(b.t, patience, what, func() error {
		fault, err := eval[string](b, function, args...)
		if err == nil && fault != "" {
			err = fmt.Errorf("%s", fault)
		}
		return err
	})
}

// Count is how many elements match a selector.
func (b *Browser) Count(selector string) int {
	b.t.Helper()
	n, err := eval[int](b, "s => document.querySelectorAll(s).length", selector)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// Texts are the texts of the elements that match a selector.
func (b *Browser) Texts(selector string) []string {
	b.t.Helper()
	texts, err := eval[[]string](b, "s => [...document.querySelectorAll(s)].map(e => e.textContent.trim())", selector)
	if err != nil {
		b.t.Fatal(err)
	}
	return texts
}

// Status waits until the page tells this presence of an address in its row.
func (b *Browser) Status(aor, status string, within time.Duration) {
	b.t.Helper()
	wait.For(b.t, within, aor+" is shown as "+status, func() error {
		got, err := eval[string](b, `a => (document.querySelector('[data-aor="' + a + '"]') || {dataset: {}}).dataset.status || "no row"`, aor)
		if err == nil && got != status {
			err = fmt.Errorf("it is shown as %q", got)
		}
		return err
	})
}

// Look is a size of the window and a theme.
type Look struct {
	Width int
	Theme string // "light" or "dark"
}

// Wear changes the window's size and the theme that the system prefers.
func (b *Browser) Wear(l Look) {
	b.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.Theme}}}
	b.run("change the look", chromedp.EmulateViewport(int64(l.Width), 900),
		chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, media)
			return err
		}))
}

// Resize changes the window's size, as Wear does with a height of 900.
func (b *Browser) Resize(width, height int) {
	b.t.Helper()
	b.run("change the size", chromedp.EmulateViewport(int64(width), int64(height)))
}

// ButtonsFit fails the test if the words of a button stand in more lines than one.
func (b *Browser) ButtonsFit(what string) {
	b.t.Helper()
	broken, err := eval[[]string](b, `() => [...document.querySelectorAll(".button, .chip, .tabs a")].filter(e => e.offsetParent !== null).filter(e => {
		const lines = new Set();
		for (const text of e.childNodes) {
			if (text.nodeType !== Node.TEXT_NODE || !text.data.trim()) continue;
			const range = document.createRange();
			range.selectNodeContents(text);
			for (const box of range.getClientRects()) lines.add(Math.round(box.top));
		}
		return lines.size > 1;
	}).map(e => e.innerText)`)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, text := range broken {
		b.t.Errorf("%s: the button %q is broken into lines", what, text)
	}
}

// Picture saves the page as NAME.png in the folder SERAPH_E2E_PICTURES, if there is one.
func (b *Browser) Picture(name string) {
	b.t.Helper()
	dir := os.Getenv("SERAPH_E2E_PICTURES")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Errorf("picture of %s: %v", name, err)
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// keepOnFailure pictures what a failed test last saw.
func (b *Browser) keepOnFailure() {
	if b.t.Failed() && b.ctx.Err() == nil && !b.closed {
		b.t.Logf("the page showed:\n%s", b.Text())
		b.Picture("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
	}
}
