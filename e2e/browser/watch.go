package browser

import (
	"strings"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
)

// observe fails the test for uncaught errors of scripts and for what the content
// security policy refused: a page that causes either is broken, even if it looks
// right. It runs on the goroutine that reads from the browser, so it only notes.
func (b *Browser) observe(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.t.Errorf("script error: %s", e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if strings.Contains(e.Entry.Text, "Content Security Policy") {
			b.t.Errorf("refused by the content security policy: %s", e.Entry.Text)
		}
	}
}
