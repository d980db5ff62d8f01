package htable

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"seraph/proxy/internal/module"
)

// Bounds of a table's attributes.
const (
	maxExpire = 10 * 365 * 86400 // seconds
	maxItems  = 1 << 24
)

// parseTable reads the definition of a table: "name=>attribute=value;…". Where attributes are
// bad, there is a table beside the error.
func parseTable(s string) (*table, error) {
	name, attributes, _ := strings.Cut(s, "=>")
	name = strings.TrimSpace(name)
	if !goodName(name) {
		return nil, fmt.Errorf("table %q is not of the form name=>attribute=value;…", s)
	}
	t := newTable(name)
	var wrong module.Errors
	for a := range strings.SplitSeq(attributes, ";") {
		if a = strings.TrimSpace(a); a == "" {
			continue
		}
		key, value, _ := strings.Cut(a, "=")
		if err := t.attribute(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			wrong = append(wrong, fmt.Errorf("table %s: %w", name, err))
		}
	}
	if len(wrong) > 0 {
		return t, wrong
	}
	return t, nil
}

func goodName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// attribute sets one attribute.
func (t *table) attribute(key, value string) error {
	number := func(least, most int) (int, error) {
		n, err := strconv.Atoi(value)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("%s %q is not from %d to %d", key, value, least, most)
		}
		return n, nil
	}
	var n int
	var err error
	switch key {
	case "size":
		n, err = number(1, 31)
		t.slots = 1 << min(max(n, 3), 14) // as Kamailio does
	case "autoexpire":
		n, err = number(0, maxExpire)
		t.expire = time.Duration(n) * time.Second
	case "maxsize":
		n, err = number(1, maxItems)
		t.maxSize = n
	case "initval":
		n, err = number(-1<<31, 1<<31-1)
		t.initial = module.Number(int64(n))
	case "updateexpire":
		n, err = number(0, 1)
		t.updateExpire = n == 1
	case "dbmode", "dmqreplicate":
		_, err = number(0, 0)
	default:
		known := []string{"size", "autoexpire", "maxsize", "initval", "updateexpire"}
		err = fmt.Errorf("there is no attribute %q; known are %s", key, strings.Join(known, ", "))
	}
	return err
}
