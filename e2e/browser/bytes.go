package browser

import "encoding/base64"

// Bytes is a file of the site, as who is signed in gets it.
func (b *Browser) Bytes(path string) []byte {
	b.t.Helper()
	const read = `async path => {
	const answer = await fetch(path, {credentials: "same-origin", cache: "no-store"});
	if (!answer.ok || !(answer.headers.get("content-disposition") || "").startsWith("attachment")) throw new Error("not a file: status " + answer.status);
	return (new Uint8Array(await answer.arrayBuffer())).toBase64();
}`
	body, err := settled[string](b, read, path)
	if err != nil {
		b.t.Fatalf("download %s: %v", path, err)
	}
	file, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		b.t.Fatalf("download %s: %v", path, err)
	}
	return file
}

// Download is Bytes of a file that is text.
func (b *Browser) Download(path string) string {
	b.t.Helper()
	return string(b.Bytes(path))
}

// Attributes are the values of an attribute of the elements that match a selector.
func (b *Browser) Attributes(selector, name string) []string {
	b.t.Helper()
	values, err := eval[[]string](b, "(s, n) => [...document.querySelectorAll(s)].map(e => e.getAttribute(n) || '')", selector, name)
	if err != nil {
		b.t.Fatal(err)
	}
	return values
}

// Source is the page's markup as it is now, with what is hidden.
func (b *Browser) Source() string {
	b.t.Helper()
	source, err := eval[string](b, "() => document.documentElement.outerHTML")
	if err != nil {
		b.t.Fatal(err)
	}
	return source
}
