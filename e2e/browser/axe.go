package browser

import (
	"context"
	_ "embed"
	"strings"

	"github.com/chromedp/chromedp"
)

// axeScript is axe-core 4.14.1 (MPL-2.0, axe/LICENSE), unchanged.
//
//go:embed axe/axe.min.js
var axeScript string

// axeRun answers the issues of the impacts that matter, one line each.
const axeRun = `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations
	.filter(v => v.impact === "serious" || v.impact === "critical")
	.map(v => v.id + " (" + v.impact + "): " + v.help + ": " + v.nodes.slice(0, 3).map(n => n.html).join(" | ")))`

// Accessible fails the test for every serious issue that axe-core finds on the page.
func (b *Browser) Accessible(what string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 3*patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](axeScript+"; true")); err != nil {
		b.t.Fatalf("axe-core does not load on %s: %v", what, err)
	}
	issues, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("axe-core on %s: %v", what, err)
	}
	if len(issues) > 0 {
		b.t.Errorf("%s: axe-core finds\n  %s", what, strings.Join(issues, "\n  "))
	}
}

// FitsWidth fails the test if the page scrolls sideways.
func (b *Browser) FitsWidth(what string) {
	b.t.Helper()
	over, err := eval[int](b, "() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
	if err != nil {
		b.t.Fatal(err)
	}
	if over > 0 {
		b.t.Errorf("%s is %d px wider than the window", what, over)
	}
}
