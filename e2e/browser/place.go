package browser

// Scrolls scrolls the page to so many pixels from its beginning.
func (b *Browser) Scrolls(y int) {
	b.t.Helper()
	if _, err := eval[bool](b, "y => { scrollTo(0, y); return true; }", y); err != nil {
		b.t.Fatal(err)
	}
}

// TopOf is how many pixels below the window's top an element begins.
func (b *Browser) TopOf(selector string) float64 {
	b.t.Helper()
	top, err := eval[float64](b, "s => document.querySelector(s).getBoundingClientRect().top", selector)
	if err != nil {
		b.t.Fatal(err)
	}
	return top
}

// Selects selects the text of an element, as who copies it does; "" takes the selection
// away.
func (b *Browser) Selects(selector string) {
	b.t.Helper()
	_, err := eval[bool](b, `s => {
		getSelection().removeAllRanges();
		if (s) getSelection().selectAllChildren(document.querySelector(s));
		return true;
	}`, selector)
	if err != nil {
		b.t.Fatal(err)
	}
}

// Selected is the text that is selected.
func (b *Browser) Selected() string {
	b.t.Helper()
	text, err := eval[string](b, "() => getSelection().toString()")
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}
