package view

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Msg names a text of the catalogue and what fills its places {1}, {2} …
type Msg struct {
	Key  string
	Args []string
}

// M makes a Msg.
func M(key string, args ...string) Msg { return Msg{key, args} }

// Texts is the catalogue of one language: a folder of files with a line
// "key = text" for each. A key ending in .one is used by Count for the number 1.
type Texts struct {
	language string
	byKey    map[string]string
	english  *Texts // has what this one lacks; nil in English itself
}

// loadTexts reads the catalogue of a language. What it lacks is taken from
// english.
func loadTexts(language string, english *Texts) (*Texts, error) {
	files, err := fs.Glob(own, path.Join("texts", language, "*.txt"))
	if err != nil {
		return nil, err
	}
	t := &Texts{language: language, byKey: make(map[string]string), english: english}
	for _, name := range files {
		content, err := fs.ReadFile(own, name)
		if err != nil {
			return nil, err
		}
		if err := t.parse(name, string(content)); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Texts) parse(name, content string) error {
	number := 0
	for line := range strings.Lines(content) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, text, found := strings.Cut(line, "=")
		key, text = strings.TrimSpace(key), strings.TrimSpace(text)
		if !found || key == "" || text == "" {
			return fmt.Errorf("%s:%d: want key = text", name, number)
		}
		if _, twice := t.byKey[key]; twice {
			return fmt.Errorf("%s:%d: the key %s is there twice", name, number, key)
		}
		t.byKey[key] = text
	}
	return nil
}

// Language is the catalogue's, as a BCP 47 tag.
func (t *Texts) Language() string { return t.language }

// Has reports whether the catalogue has the key.
func (t *Texts) Has(key string) bool {
	_, ok := t.find(key)
	return ok
}

func (t *Texts) find(key string) (text string, found bool) {
	for ; t != nil; t = t.english {
		if text, found = t.byKey[key]; found {
			return text, true
		}
	}
	return "", false
}

// Keys are all keys of its own, sorted.
func (t *Texts) Keys() []string {
	keys := make([]string, 0, len(t.byKey))
	for key := range t.byKey {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Text is the text of m. A key that the catalogue lacks shows itself.
func (t *Texts) Text(m Msg) string {
	text, ok := t.find(m.Key)
	if !ok {
		return m.Key
	}
	if len(m.Args) == 0 {
		return text
	}
	pairs := make([]string, 0, 2*len(m.Args))
	for i, arg := range m.Args {
		pairs = append(pairs, "{"+strconv.Itoa(i+1)+"}", strings.Map(keepDirection, arg))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// keepDirection drops the characters with which an argument could turn the words
// of the text around it: those of Unicode's explicit directions (UAX #9 §2).
func keepDirection(r rune) rune {
	if r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
		return -1
	}
	return r
}

// Count is the text of key for n things: that of key.one if n is 1. {1} is n.
func (t *Texts) Count(key string, n int) string {
	if n == 1 && t.Has(key+".one") {
		key += ".one"
	}
	return t.Text(M(key, strconv.Itoa(n)))
}
