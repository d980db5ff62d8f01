package userblock

import (
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
		if store.PatternFits(pattern, caller) {
			return true
		}
	}
	return false
}
