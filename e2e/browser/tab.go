package browser

import (
	"context"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Tab opens another window of the same browser: it has the same cookies, and is as
// visible as the first one. It ends with Close, or with the test.
func (b *Browser) Tab() *Browser {
	b.t.Helper()
	tab := &Browser{t: b.t, base: b.base}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithListener(tab.observe))
	tab.ctx = ctx
	b.t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatalf("open another window: %v", err)
	}
	return tab
}

// Close closes the window, as its cross does; the browser goes on with the others.
func (b *Browser) Close() {
	b.t.Helper()
	c := chromedp.FromContext(b.ctx)
	if _, err := cdp.Call(b.ctx, c.Browser, target.CloseTarget, target.CloseTargetParams{TargetID: c.Target.TargetID}); err != nil {
		b.t.Fatalf("close the window: %v", err)
	}
	b.closed = true
}

// Marks puts a mark on the page that its next load takes off.
func (b *Browser) Marks() {
	b.t.Helper()
	if _, err := eval[bool](b, "() => window.marked = true"); err != nil {
		b.t.Fatal(err)
	}
}

// StillThere fails the test if the page was loaded since Marks.
func (b *Browser) StillThere() {
	b.t.Helper()
	marked, err := eval[bool](b, "() => window.marked === true")
	if err != nil || !marked {
		b.t.Errorf("%s was loaded again (%v)", b.Path(), err)
	}
}

// Scripts switches the page's scripts on or off, from the next page on.
func (b *Browser) Scripts(on bool) {
	b.t.Helper()
	b.call("switch scripts", func(ctx context.Context, page *chromedp.Target) error {
		_, err := cdp.Call(ctx, page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	})
}

// Online tells the page that the machine has lost its network, or has one again.
func (b *Browser) Online(on bool) {
	b.t.Helper()
	b.call("switch the network", func(ctx context.Context, page *chromedp.Target) error {
		_, err := cdp.Call(ctx, page, network.OverrideNetworkState, network.OverrideNetworkStateParams{
			Offline: !on, DownloadThroughput: -1, UploadThroughput: -1,
		})
		return err
	})
}

// call runs one command of the browser's protocol.
func (b *Browser) call(what string, command func(context.Context, *chromedp.Target) error) {
	b.t.Helper()
	b.run(what, chromedp.Func(command))
}

// WatchShifts begins to add up how far things move on the page by themselves
// (the cumulative layout shift).
func (b *Browser) WatchShifts() {
	b.t.Helper()
	_, err := eval[bool](b, `() => {
		window.shifts = [];
		new PerformanceObserver(list => {
			for (const entry of list.getEntries()) {
				if (!entry.hadRecentInput) window.shifts.push(entry.value.toFixed(4) + " " + entry.sources.map(s => s.node && (s.node.outerHTML || s.node.data || "").slice(0, 100)).join(" | "));
			}
		}).observe({type: "layout-shift", buffered: true});
		return true;
	}`)
	if err != nil {
		b.t.Fatal(err)
	}
}

// NothingMoved fails the test if something moved since WatchShifts, or since the page
// began to load.
func (b *Browser) NothingMoved(what string) {
	b.t.Helper()
	shifts, err := eval[[]string](b, "() => window.shifts")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, shift := range shifts {
		b.t.Errorf("%s: something moves on the page: %s", what, shift)
	}
}

// Has reports whether the page shows the text now.
func (b *Browser) Has(text string) bool { return strings.Contains(squeeze(b.Text()), squeeze(text)) }

// Animations is how many things move on the page, for somebody who has asked the system
// for less motion or not.
func (b *Browser) Animations(reduced bool) int {
	b.t.Helper()
	wish := "no-preference"
	if reduced {
		wish = "reduce"
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: wish}}}
	b.call("ask for less motion", func(ctx context.Context, page *chromedp.Target) error {
		_, err := cdp.Call(ctx, page, emulation.SetEmulatedMedia, media)
		return err
	})
	n, err := eval[int](b, "() => document.getAnimations().length")
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}
