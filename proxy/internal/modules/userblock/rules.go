package userblock

import (
	"math"

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
	// 5627), phone says that this is it.
	device *rules
	phone  bool
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
	// address is the canonical address, nil where the URI names none: a telephone number, or
	// a port or host beside it (aor.Inside).
	address, domain []byte
	// plain is what is called in place of uri where the domain is ours.
	plain []byte
	// number says that the user part is a telephone number and there is no such subscriber.
	number bool
	// diversion is what the Diversion header says up to its counter.
	diversion []byte
}

// rulesOf sorts the rules that are in force by their owners.
// users are subscribers whose names are telephone numbers.
func rulesOf(rows []store.CallRule, users map[aor.AOR]bool) map[string]*rules {
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
		r.add(row, users)
	}
	for _, r := range owners {
		r.device = &rules{blocks: r.blocks, dnd: r.dnd, phone: true}
	}
	return owners
}

func (r *rules) add(row store.CallRule, users map[aor.AOR]bool) {
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
		if plain, ok := aor.Inside(row.Target, anyDomain, anyUser); ok {
			a, _ := aor.Parse(plain, "") // Inside has read it
			f.address, f.domain, f.plain = []byte(a.String()), []byte(a.Domain), []byte(plain)
			f.number = aor.IsNumber(a.User) && !users[a]
		}
		r.forwards[k] = f
		if k == noAnswer {
			r.seconds = row.Seconds
		}
	}
}

func anyDomain(string) bool { return true }
func anyUser(aor.AOR) bool  { return true }

// numbers are the addresses whose user part is a telephone number that calls are forwarded to.
func numbers(rows []store.CallRule) []aor.AOR {
	var list []aor.AOR
	for _, row := range rows {
		plain, ok := aor.Inside(row.Target, anyDomain, anyUser)
		if !ok || !row.Enabled {
			continue
		}
		if a, err := aor.Parse(plain, ""); err == nil && aor.IsNumber(a.User) {
			list = append(list, a)
		}
	}
	return list
}

// blocksCaller reports whether a caller, in the form of aor.AppendCaller, is refused.
func (r *rules) blocksCaller(caller []byte) bool {
	work := math.MaxInt // another program may have written more rules than one can have
	return r.blocksWithin(&work, caller)
}

// blocksWithin is blocksCaller with no more than so much work, less what it has taken. A caller who
// has not been compared with all patterns by then is refused.
func (r *rules) blocksWithin(work *int, caller []byte) bool {
	for _, pattern := range r.blocks {
		fits, took := store.TryPattern(pattern, caller)
		if *work -= took; fits || *work < 0 {
			return true
		}
	}
	return false
}
