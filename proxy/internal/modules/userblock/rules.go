package userblock

import (
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// rules are those of one owner that are in force.
type rules struct {
	forwards [kinds]*forward
	seconds  int // of noanswer
	dnd      bool
	blocks   []string
	// device is what holds of them for a call to one of the owner's phones (GRUU, RFC
	// 5627): a transferred call that was at it already.
	device *rules
}

// kind is one of the rules that forward.
type kind uint8

const (
	always kind = iota
	busy
	noAnswer
	offline
	kinds
)

var kindNames = map[string]kind{
	store.RuleAlways: always, store.RuleBusy: busy, store.RuleNoAnswer: noAnswer, store.RuleOffline: offline,
}

// reasons are those of RFC 5806 §4.
var reasons = [kinds]string{"unconditional", "user-busy", "no-answer", "unavailable"}

// forward is where calls go to.
type forward struct {
	uri []byte
	// address is the canonical address, nil where the URI names none: a telephone number.
	address, domain []byte
	// diversion is what the Diversion header says up to its counter.
	diversion []byte
}

// rulesOf sorts the rules that are in force by their owners.
func rulesOf(rows []store.CallRule) map[string]*rules {
	owners := map[string]*rules{}
	for _, row := range rows {
		if !row.Enabled {
			continue
		}
		r := owners[row.Owner.String()]
		if r == nil {
			r = &rules{}
			owners[row.Owner.String()] = r
		}
		r.add(row)
	}
	for _, r := range owners {
		r.device = &rules{blocks: r.blocks}
	}
	return owners
}

func (r *rules) add(row store.CallRule) {
	switch row.Kind {
	case store.RuleDND:
		r.dnd = true
	case store.RuleBlock:
		r.blocks = append(r.blocks, row.Pattern)
	default:
		k, ok := kindNames[row.Kind]
		if !ok {
			return
		}
		f := &forward{uri: []byte(row.Target), diversion: []byte("<" + row.Owner.URI() + ">;reason=" + reasons[k])}
		if a, err := aor.Parse(row.Target, ""); err == nil {
			f.address, f.domain = []byte(a.String()), []byte(a.Domain)
		}
		r.forwards[k] = f
		if k == noAnswer {
			r.seconds = row.Seconds
		}
	}
}

// blocksCaller reports whether a caller is refused: his canonical address, empty where
// he does not say who he is.
func (r *rules) blocksCaller(caller []byte) bool {
	for _, pattern := range r.blocks {
		if blocked(pattern, caller) {
			return true
		}
	}
	return false
}

// blocked reports whether a pattern is for a caller.
func blocked(pattern string, caller []byte) bool {
	if pattern == store.AnonymousPattern {
		return len(caller) == 0
	}
	if len(caller) == 0 {
		return false
	}
	if strings.IndexByte(pattern, '@') >= 0 {
		return glob(pattern, caller)
	}
	// The beginning of a number, against what stands before the @.
	for i := range len(pattern) {
		if i >= len(caller) || caller[i] != pattern[i] {
			return false
		}
	}
	for i := len(pattern); i < len(caller) && caller[i] != '@'; i++ {
		if caller[i] < '0' || caller[i] > '9' {
			return false // a name that begins with digits
		}
	}
	return true
}

// glob reports whether text matches a pattern in which * stands for any characters. The
// work is bounded by the product of both lengths.
func glob(pattern string, text []byte) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
