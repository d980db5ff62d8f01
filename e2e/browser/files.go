package browser

import (
	"context"
	"encoding/json"

	"github.com/chromedp/chromedp"
)

// chooseFile puts a file with a text into the file field with that label.
const chooseFile = `(label, name, text) => {
	const found = [...document.querySelectorAll("label")].find(l => l.textContent.trim() === label);
	const field = found && document.getElementById(found.htmlFor);
	if (!field || field.type !== "file") return "there is no file field " + label;
	const chosen = new DataTransfer();
	chosen.items.add(new File([text], name));
	field.files = chosen.files;
	return "";
}`

// Choose chooses a file of that name and text in the file field with that label.
func (b *Browser) Choose(label, name, text string) {
	b.t.Helper()
	b.does("choose "+name, chooseFile, label, name, text)
}

// Download is the text of a file of the site, as who is signed in gets it.
func (b *Browser) Download(path string) string {
	b.t.Helper()
	text, err := json.Marshal(path)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, 3*patience)
	defer cancel()
	const read = `async path => {
	const answer = await fetch(path, {credentials: "same-origin", cache: "no-store"});
	const kept = (answer.headers.get("content-disposition") || "").startsWith("attachment");
	return answer.ok && kept ? await answer.text() : "not a file: status " + answer.status;
}`
	body, err := chromedp.Run(ctx, chromedp.Evaluate[string]("("+read+")("+string(text)+")", chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("download %s: %v", path, err)
	}
	return body
}
