package browser

import (
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// mostStops is where a walk is given up: a page that keeps the focus for itself.
const mostStops = 500

// walkStart takes the focus to the page's beginning and notes everything that is to be
// reached: links, buttons, fields, of radio buttons one of each group.
const walkStart = `() => {
	const start = document.createElement("span"); // from here on
	start.tabIndex = -1;
	document.body.prepend(start);
	start.focus();
	start.remove();
	scrollTo(0, 0);
	const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter(e =>
		e.type !== "hidden" && !e.disabled && e.tabIndex >= 0 && e.checkVisibility({visibilityProperty: true}) && !e.closest("details:not([open]) > :not(summary)"));
	window.walk = {left: new Set(), seen: new Set(), groups: new Map()};
	for (const e of all) {
		if (e.type === "radio") {
			const name = (e.form ? e.form.action : "") + " " + e.name;
			walk.groups.set(e, name);
			walk.left.add(name);
		} else {
			walk.left.add(e);
		}
	}
	return true;
}`

// walkStep says what is wrong with where the focus is now; "end" when it has left the
// page or comes by for the second time.
const walkStep = `() => {
	const e = document.activeElement;
	if (e && e === walk.last && /^(date|time|month|week|datetime-local)$/.test(e.type)) return ""; // it has parts
	if (!e || e === document.body || e === document.documentElement || walk.seen.has(e)) return "end";
	walk.last = e;
	walk.seen.add(e);
	walk.left.delete(walk.groups.get(e) || e);
	const what = e.outerHTML.replace(/\s+/g, " ").slice(0, 160);
	const boxes = [...e.getClientRects()].filter(r => r.width > 1 && r.height > 1);
	if (boxes.length === 0) return "the focus has no place: " + what;
	const box = boxes[0];
	const left = Math.max(box.left, 0), right = Math.min(box.right, innerWidth), top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
	if (right - left < 2 || bottom - top < 2) return "the focus is outside of the window: " + what;
	const style = getComputedStyle(e);
	if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return "the focus is not to be seen: " + what;
	for (const [x, y] of [[(left + right) / 2, (top + bottom) / 2], [left + 2, top + 2], [right - 2, bottom - 2]]) {
		const over = document.elementFromPoint(x, y);
		if (over && (e.contains(over) || over.contains(e))) return "";
	}
	const over = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
	return "the focus is covered: " + what + " by " + (over ? over.outerHTML.slice(0, 100) : "nothing");
}`

// walkLeft names what the walk did not come to.
const walkLeft = `() => [...walk.left].map(e => (e.outerHTML || e).replace(/\s+/g, " ").slice(0, 160))`

// Walks goes through the page by the Tab key: the focus is always to be seen and never
// covered, and comes to everything that can be done.
func (b *Browser) Walks(what string) {
	b.t.Helper()
	if _, err := eval[bool](b, walkStart); err != nil {
		b.t.Fatal(err)
	}
	for stop := 0; ; stop++ {
		if stop == mostStops {
			b.t.Errorf("%s: the focus does not come to an end", what)
			return
		}
		b.run("Tab", chromedp.KeyEvent(kb.Tab))
		fault, err := eval[string](b, walkStep)
		if err != nil {
			b.t.Fatal(err)
		}
		if fault == "end" {
			break
		}
		if fault != "" {
			b.t.Errorf("%s: %s", what, fault)
		}
	}
	left, err := eval[[]string](b, walkLeft)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(left) > 0 {
		b.t.Errorf("%s: the Tab key does not come to %d things, of which\n%s", what, len(left), strings.Join(left[:min(len(left), 3)], "\n"))
	}
}

// Keys presses keys, one after the other; package kb names them.
func (b *Browser) Keys(keys string) {
	b.t.Helper()
	b.run("press keys", chromedp.KeyEvent(keys))
}

// Focuses takes the focus to the control with that name.
func (b *Browser) Focuses(name string) {
	b.t.Helper()
	b.does("focus "+name, `name => {
		const hit = [...document.querySelectorAll("a[href], button, summary, input")].find(e => e.getAttribute("aria-label") === name && e.checkVisibility());
		if (!hit) return "nothing has that name";
		hit.focus();
		return "";
	}`, name)
}

// FocusIsOn fails the test unless the focus is on what has that name.
func (b *Browser) FocusIsOn(name string) {
	b.t.Helper()
	got, err := eval[string](b, `() => (document.activeElement.getAttribute("aria-label") || document.activeElement.textContent).replace(/\s+/g, " ").trim()`)
	if err != nil || got != name {
		b.t.Errorf("the focus is on %q (%v), want %q", got, err, name)
	}
}
