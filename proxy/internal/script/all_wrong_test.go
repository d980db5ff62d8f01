package script

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
)

// withVariables is a module that has variables.
type withVariables struct{ *fake }

func (withVariables) Vars() []module.Var { return []module.Var{{Name: "sht"}} }

// TestAllThatIsWrong: one run names all that is wrong, also behind what was wrong before.
func TestAllThatIsWrong(t *testing.T) {
	save := &fake{name: "registrar", params: []module.Param{{Name: "expires", Kind: module.Int, Set: func(string, int) error { return errors.New("too short") }}},
		funcs: []module.Func{{Name: "save", Min: 1, Max: 2, Routes: module.RequestRoute, Compile: func(args []module.Arg) (module.Call, error) {
			if len(args) > 1 {
				return nil, errors.New("there are no such flags")
			}
			return func(*module.Ctx) int { return module.True }, nil
		}}}}
	for _, x := range []struct {
		name, text string
		want       []string // each in a problem of its own
	}{
		{"variables of a text", `route { note("$TS $nothing $ru $foo"); }`, []string{"no variable $TS", "no variable $nothing", "no variable $foo"}},
		{"of a command", `route { rewriteuri("sip:$foo@$bar"); }`, []string{"no variable $foo", "no variable $bar"}},
		{"of a module that is not loaded", `modparam("registrar", "expires", 1) route { save("a", "0x01"); save(); t_on_failure(1); } failure_route[1] { save("a"); }`,
			[]string{"module registrar is not loaded", "parameter expires of registrar: too short", "function of module registrar, which is not loaded", "save: there are no such flags",
				"save takes 1 to 2 arguments, not 0", "save may not stand in a failure_route"}},
		{"arguments", `loadmodule "registrar.so" route { save(a, b); }`, []string{"an argument of save stands in quotes"}},
		{"rest of a condition", `route { if ($ru eq "a" || nothing("b") && strange == "c" || (none("d") foo && any("e"))) { note("$foo"); } other(); }`,
			[]string{`expected ")" before "eq"`, `no function "nothing"`, `no value "strange"`, `no function "none"`, `no function "any"`, "no variable $foo", `no function "other"`}},
		{"after a negation", `route { if (!($ru eq "a" && nothing("b")) && strange("c")) { ; } }`,
			[]string{`expected ")" before "eq"`, `no function "nothing"`, `no function "strange"`}},
		{"in a loop", `route { while ($var(i) = 3 && nothing("b")) { other(); } }`, []string{`"=" compares nothing`, `no function "nothing"`, `no function "other"`}},
		{"one brace", `route { if (method == "INVITE" && (nothing("b") { other(); } }`, []string{`expected ")" before "{"`, `no function "nothing"`, `no function "other"`}},
		{"an index", `route { if ($(hdr(Via)[1]) == "x") { ; } }`, []string{"transformations and indexes are not supported: write $hdr(Via)"}},
		{"a transformation", `route { if ($(var(x){s.len}) == 1) { ; } }`, []string{"transformations and indexes are not supported: write $var(x)"}},
		{"all values", `route { $var(y) = $(avp(a)[*]); }`, []string{"transformations and indexes are not supported: write $avp(a)"}},
		{"an index to set", `route { $avp(a)[*] = $null; }`, []string{"indexes are not supported: write $avp(a)"}},
		{"a variable of a module that is not loaded", `route { if ($sht(a=>b) == 1) { note("$sht(a=>c)"); } }`,
			[]string{"$sht is a variable of module htable, which is not loaded", "note: $sht is a variable of module htable"}},
		{"an octal number", `route { setflag(08); setflag(019); setflag(007); }`, []string{`the number "08" begins with 0`, `the number "019" begins with 0`}},
		{"in a text", `route { note("$(hdr(Via)[1]) $(ru{uri.user})"); }`, []string{"write $hdr(Via)", "write $ru"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, problems := Compile("x.cfg", []byte("loadmodule \"tm.so\" loadmodule \"note.so\"\n"+x.text), Options{Modules: []module.Module{tmModule(), noting(&[]string{}), save, withVariables{&fake{name: "htable"}}}})
			for _, want := range x.want {
				if !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.Error(), want) }) {
					t.Errorf("nothing says %q:\n%s", want, texts(problems))
				}
			}
			if least := len(x.want); x.name != "arguments" && len(problems) > least+2 {
				t.Errorf("%d problems, want about %d:\n%s", len(problems), least, texts(problems))
			}
		})
	}
}
