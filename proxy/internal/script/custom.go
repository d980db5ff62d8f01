package script

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"seraph/proxy/internal/module"
)

// customSetting is a setting of the script's own, as Kamailio has them: gateway.host = "192.0.2.30"
// outside the routes, and $sel(cfg_get.gateway.host) or @cfg_get.gateway.host within.
type customSetting struct {
	pos   Pos
	value module.Value
	read  bool // a route reads it
}

// isCustom reports whether a setting is the script's own: a group and a name.
func isCustom(name string) bool {
	group, key, ok := strings.Cut(name, ".")
	return ok && isSettingName(group) && isSettingName(key)
}

func isSettingName(s string) bool {
	return s != "" && !isDigit(s[0]) && all(s, func(c byte) bool { return isLetter(c) || isDigit(c) })
}

// setCustom notes a setting of the script's own; of several the last one counts.
func (k *compiler) setCustom(g global) {
	v := g.values[0]
	var value module.Value
	switch {
	case v.number:
		value = module.Number(int64(v.num))
	case v.quoted:
		value = module.Text([]byte(v.text))
	default:
		k.wrong(v.pos, "%s is a number, or a text in quotes", g.name)
		return
	}
	if k.custom == nil {
		k.custom = map[string]*customSetting{}
	}
	k.custom[g.name] = &customSetting{pos: g.pos, value: value}
}

// selection is the variable $sel, of which the script's own settings are to be had.
func (k *compiler) selection() module.Var {
	const form = "a setting of the script's own: $sel(cfg_get.gateway.host)"
	return module.Var{Name: "sel", Form: form, Doc: "a setting of the script's own", Bind: func(arg string, _ *module.Scope) (module.BoundVar, error) {
		name, ok := strings.CutPrefix(arg, "cfg_get.")
		if !ok {
			return module.BoundVar{}, errors.New("$sel wants " + form)
		}
		s := k.custom[name]
		if s == nil {
			return module.BoundVar{}, fmt.Errorf("there is no setting %s of the script's own%s", quoted(name),
				k.report.didYouMean(name, slices.Sorted(maps.Keys(k.custom))))
		}
		s.read = true
		value := s.value
		return module.BoundVar{Get: func(*module.Ctx) module.Value { return value }}, nil
	}}
}

// tellUnread notes the settings of the script's own that no route reads.
func (k *compiler) tellUnread() {
	for _, name := range slices.Sorted(maps.Keys(k.custom)) {
		if s := k.custom[name]; !s.read {
			k.note(s.pos, "nothing reads %s", name)
		}
	}
}

// emptyCommand is strempty(text): the text has no characters, or no value.
func (k *compiler) emptyCommand(c *call) node {
	text, f, ok := k.dynamic(c, c.args[0])
	switch {
	case !ok:
		return nil
	case f == nil:
		return truth(func(*module.Ctx) bool { return text == "" })
	}
	return truth(func(c *module.Ctx) bool { return len(f.Text(c, "")) == 0 })
}
