package browser

import (
	"fmt"

	"github.com/chromedp/chromedp"

	"seraph/e2e/wait"
)

// Hand is a person's: it moves the mouse to what it sees, presses there, and types. It
// counts its presses, of which one goes to each field that is typed into.
type Hand struct {
	*Browser
	Presses int
}

// Hand is a hand on the window, which has pressed nothing yet.
func (b *Browser) Hand() *Hand { return &Hand{Browser: b} }

// spot is where something is to be pressed, in pixels of the window.
type spot struct {
	X, Y  float64
	Fault string // why it cannot be, "" if it can
}

// spotOf finds a button or a link by its name, or a field by its label, and says where
// it is seen: a thing under another one cannot be pressed.
const spotOf = `(kind, name) => {
	const same = s => (s || "").replace(/\s+/g, " ").trim().toLowerCase() === name.toLowerCase();
	const all = [...document.querySelectorAll(kind === "field" ? "input, textarea" : "button, a[href], summary")].filter(e => e.checkVisibility({visibilityProperty: true}));
	const hit = kind === "field" ? all.find(e => [...(e.labels || [])].some(l => same(l.innerText)))
		: all.find(e => same(e.getAttribute("aria-label"))) || all.find(e => same(e.innerText));
	if (!hit) return {Fault: "there is no " + kind + " of that name"};
	hit.scrollIntoView({block: "nearest"});
	const box = hit.getBoundingClientRect();
	const X = box.left + box.width / 2, Y = box.top + box.height / 2;
	const over = document.elementFromPoint(X, Y);
	if (!over || !hit.contains(over)) return {Fault: "it is covered by " + (over ? over.outerHTML.slice(0, 100) : "nothing")};
	return {X, Y};
}`

// Press presses the button or the link with that name.
func (h *Hand) Press(name string) {
	h.t.Helper()
	h.press("button", name)
}

// Type presses into the field with that label and types, in place of what is there.
func (h *Hand) Type(label, text string) {
	h.t.Helper()
	h.press("field", label)
	if _, err := eval[bool](h.Browser, "() => { document.activeElement.select(); return true; }"); err != nil {
		h.t.Fatal(err)
	}
	h.run("type into "+label, chromedp.KeyEvent(text))
}

func (h *Hand) press(kind, name string) {
	h.t.Helper()
	var at spot
	wait.For(h.t, patience, fmt.Sprintf("the %s %q", kind, name), func() error {
		var err error
		at, err = eval[spot](h.Browser, spotOf, kind, name)
		if err == nil && at.Fault != "" {
			err = fmt.Errorf("%s", at.Fault)
		}
		return err
	})
	h.run("press "+name, chromedp.MouseClickXY(at.X, at.Y))
	h.Presses++
}

// Goes opens the site at an address that somebody was told.
func (h *Hand) Goes(url string) {
	h.t.Helper()
	h.base = url
	h.Open("/")
}
