package view

import (
	"fmt"
	"html/template"
	"strings"
	"unicode"

	"seraph/webui/internal/assets"
)

// funcs are the functions of all templates.
func (s *Set) funcs(files *assets.Set) template.FuncMap {
	return template.FuncMap{
		"t":        s.t,
		"msg":      s.texts.Text,
		"count":    s.texts.Count,
		"icon":     files.Icon,
		"asset":    files.URL,
		"initials": initials,
		"time":     s.showTime,
		"until":    s.showUntil,
		"field":    s.field,
		"choice":   s.choice,
		"status":   s.status,
	}
}

// t is the text of a key, filled in.
func (s *Set) t(key string, args ...any) string {
	m := Msg{Key: key}
	for _, arg := range args {
		m.Args = append(m.Args, fmt.Sprint(arg))
	}
	return s.texts.Text(m)
}

// initials are the first letters of the first and the last word of a name.
func initials(name string) string {
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
