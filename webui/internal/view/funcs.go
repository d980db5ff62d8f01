package view

import (
	"crypto/rand"
	"fmt"
	"html/template"
	"strings"
	"unicode"

	"seraph/webui/internal/assets"
)

// funcs are the functions of all templates, in one language.
func (s *Set) funcs(files *assets.Set, texts *Texts) template.FuncMap {
	return template.FuncMap{
		"t":         texts.fill,
		"msg":       texts.Text,
		"count":     texts.Count,
		"language":  texts.Language,
		"languages": func() []Language { return s.languages(texts.language) },
		"icon":      files.Icon,
		"asset":     files.URL,
		"initials":  initials,
		"newKey":    rand.Text,
		"time":      texts.showTime,
		"until":     texts.showUntil,
		"decimal":   texts.decimal,
		"field":     texts.field,
		"choice":    texts.choice,
		"status":    status,
	}
}

// fill is the text of a key, filled in.
func (t *Texts) fill(key string, args ...any) string {
	m := Msg{Key: key}
	for _, arg := range args {
		m.Args = append(m.Args, fmt.Sprint(arg))
	}
	return t.Text(m)
}

// decimal is a number with a point as the language writes it: "1.2 s" is "1,2 s"
// in German.
func (t *Texts) decimal(number string) string {
	return strings.Replace(number, ".", t.Text(M("number.point")), 1)
}

// initials are the first letters of the first and the last word of a name; of an address
// the domain is none of it.
func initials(name string) string {
	if before, _, found := strings.Cut(name, "@"); found && !strings.ContainsRune(name, ' ') {
		name = before
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	if len(words) == 0 {
		return "–"
	}
	letters := []rune{firstRune(words[0])}
	if len(words) > 1 {
		letters = append(letters, firstRune(words[len(words)-1]))
	}
	return strings.ToUpper(string(letters))
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return ' '
}
