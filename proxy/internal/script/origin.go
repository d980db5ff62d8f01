package script

import (
	"slices"
	"strings"

	"seraph/proxy/internal/module"
)

// In SER `drop` ends the route block that it stands in; in OpenSER and Kamailio it ends the
// script, and what a route was called to refuse is not served by the one that called it.
// So it has SER's meaning only in a script in which nothing stands that SER 0.9 does not know.

// foreignWords are words of OpenSER and Kamailio that SER 0.9 does not know.
var foreignWords = []string{"exit", "return", "while", "switch", "request_route", "reply_route", "branch_route", "event_route"}

// foreignModules are the modules that a script can load here and SER 0.9 does not have.
var foreignModules = []string{"alias_db", "cfg_rpc", "corex", "counters", "ctd", "ctl", "db_mysql", "db_sqlite", "debugger", "dialog", "htable", "jsonrpcs", "kex", "mi_fifo",
	"mi_rpc", "path", "pv", "ratelimit", "sanity", "siputils", "textopsx", "tls", "tmx", "uac", "uac_redirect", "userblock", "websocket"}

// isForeign reports whether a token is none of SER 0.9's.
func (t *token) isForeign() bool {
	switch t.kind {
	case tVar, tDirective:
		return true
	case tWord:
		return slices.Contains(foreignWords, t.text)
	case tString:
		return hasVariable(t.text)
	}
	return false
}

// hasVariable reports whether a text holds what reads as a pseudo-variable. The dollar sign
// of a regular expression stands before no letter.
func hasVariable(text string) bool {
	for {
		_, rest, found := strings.Cut(text, "$")
		if !found {
			return false
		}
		if rest = strings.TrimPrefix(rest, "("); rest != "" && isLetter(rest[0]) {
			return true
		}
		text = rest
	}
}

// isForeign reports whether a script shows that it is none of SER 0.9's.
func (f *file) isForeign() bool {
	return f.foreign ||
		slices.ContainsFunc(f.loads, func(l load) bool { return slices.Contains(foreignModules, l.name()) }) ||
		slices.ContainsFunc(f.routes, func(r *route) bool {
			_, number := atoi(r.name)
			return r.name != "" && !number
		})
}

// refuseMixed refuses | beside && in a script that is none of SER's: in Kamailio it binds tighter, so that
// a && b | c is a && (b | c) there and (a && b) | c in SER. All else that & and | stand beside is grouped alike.
func (k *compiler) refuseMixed(list []token) {
	if !k.foreign {
		return
	}
	for _, op := range list {
		k.wrong(op.pos, "%q beside \"&&\" wants parentheses: in Kamailio it binds tighter, in SER it does not", op.text)
	}
}

// drop compiles drop. Which meaning it has, the whole script shows.
func (k *compiler) drop(at Pos) node {
	k.drops = append(k.drops, blockDrop{k.block, at})
	k.prog.dropEnds = k.foreign
	end := leave
	if k.foreign {
		end = exit
	}
	return func(c *module.Ctx) result {
		switch c.Route {
		case module.ReplyRoute, module.BranchRoute, module.LocalRoute:
			return dropped
		}
		if end == leave {
			c.ReturnCode = module.True
		}
		return end
	}
}

// blockDrop is a drop and where it stands.
type blockDrop struct {
	block *block
	pos   Pos
}

// tellDrops says where drop ends a called block only: who meant more than that
// finds out here.
func (k *compiler) tellDrops() {
	if k.foreign {
		return
	}
	for _, d := range k.drops {
		if d.block.called && d.block.kind == module.RequestRoute {
			k.warn(d.pos, "drop ends this route block only, as in SER: exit ends the script")
		}
	}
}
