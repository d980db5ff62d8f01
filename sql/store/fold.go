package store

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// words makes the text of a column search: the texts in lower case and, where they have
// accents, once more without. At most three times as long as the texts.
func words(texts ...string) string {
	text := norm.NFC.String(fold(texts...))
	if bare := unaccented(text); bare != text {
		return text + " " + bare
	}
	return text
}

// letters that are not taken apart into a letter and an accent, as people type them
// who do not have them on their keyboard.
var letters = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "ı", "i")

// unaccented is a text in lower case without its accents: "müller" is "muller".
func unaccented(text string) string {
	return letters.Replace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text)))
}

// hasWords narrows to rows whose column search has the words of a text: as they stand, or
// without regard to accents. Nothing in the text is taken for a wildcard.
func hasWords(column, text string) (condition string, args []any) {
	text = norm.NFC.String(text)
	asTyped, bare := contains(text), contains(unaccented(fold(text)))
	if asTyped == bare {
		return column + " LIKE ? ESCAPE '!'", []any{asTyped}
	}
	return "(" + column + " LIKE ? ESCAPE '!' OR " + column + " LIKE ? ESCAPE '!')", []any{asTyped, bare}
}
