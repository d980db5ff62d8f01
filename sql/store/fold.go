package store

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Lengths of columns search, in characters.
const (
	bookWords = 2200 // phonebook and phonebook_trash
	pageWords = 800  // white_page
)

// words makes the text of a column search of most characters: the texts in lower case and,
// where they have accents, once more without. Most scripts need at most three times the
// texts' length; of the few that need more (a musical symbol is three characters already),
// the end is not found without its accents.
func words(most int, texts ...string) string {
	text := norm.NFC.String(fold(texts...))
	if bare := unaccented(text); bare != text {
		text += " " + bare
	}
	return cut(text, most)
}

// letters that are not taken apart into a letter and an accent, as people type them
// who do not have them on their keyboard.
var letters = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "ı", "i")

// unaccented is a text in lower case without its accents: "müller" is "muller". What came
// apart into letters and not into accents, as Hangul does, is put together again.
func unaccented(text string) string {
	return letters.Replace(norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text))))
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
