package browser

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
