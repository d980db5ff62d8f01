package script

import (
	"fmt"
	"strings"
	"testing"
)

// TestTruth: what a value is as a condition, alone, negated, and beside && and ||, as Kamailio
// 5.6 has answered.
func TestTruth(t *testing.T) {
	const y, n = "yes", "no"
	for _, x := range []struct{ value, alone, not, beside string }{
		{`-3`, n, n, y},
		{`-1`, n, n, y},
		{`0`, n, y, n},
		{`1`, y, n, y},
		{`2`, y, n, y},
		{`""`, n, y, n},
		{`"0"`, n, y, n},
		{`"-1"`, n, n, y},
		{`"2"`, y, n, y},
		{`"+2"`, y, n, y},
		{`"+-2"`, n, y, n},
		{`"abc"`, n, y, n},
		{`"1abc"`, n, y, n},
		{`"4294967296"`, n, y, n},
		{`$null`, n, y, n},
	} {
		for _, v := range []string{"$var(x)", "$avp(x)", "($var(x))"} {
			set := "$var(x) = " + x.value + "; $avp(x) = $var(x); $var(one) = 1;"
			for cond, want := range map[string]string{
				v:                                x.alone,
				"!" + v:                          x.not,
				"!!" + v:                         other(x.not),
				v + " && $var(one)":              x.beside,
				"method == INVITE && " + v:       x.beside,
				"!(" + v + " && $var(one))":      other(x.beside),
				v + " || $var(none)":             x.beside,
				"method == ACK || " + v:          x.beside,
				"!(" + v + " || $var(none))":     other(x.beside),
				"!" + v + " && method == INVITE": x.not,
			} {
				if got := notesOf(t, fmt.Sprintf(`%s if (%s) { note("yes"); } else { note("no"); }`, set, cond)); got != want {
					t.Errorf("%s with %s is %s, want %s", cond, x.value, got, want)
				}
			}
		}
	}
}

func other(answer string) string {
	if answer == "yes" {
		return "no"
	}
	return "yes"
}

// TestTruthOfNumbers: a number in the script itself, and a sum.
func TestTruthOfNumbers(t *testing.T) {
	for cond, want := range map[string]string{
		"-1": "no", "(-1)": "no", "!(-1)": "no", "!-1": "no", "!0": "yes", "7": "yes", "!7": "no", "-1 && method == INVITE": "yes",
		"$sp - 5071": "no", "$sp - 5069": "yes", "!($sp - 5070)": "yes", `"x" + ""`: "no", `"1" + "0"`: "yes",
	} {
		if got := notesOf(t, `if (`+cond+`) { note("yes"); } else { note("no"); }`); got != want {
			t.Errorf("%s is %s, want %s", cond, got, want)
		}
	}
}

// TestReturnCodeIsNoTruth: who has been refused by a route with return -1 is not let in by if ($rc).
func TestReturnCodeIsNoTruth(t *testing.T) {
	for name, x := range map[string]struct{ statements, want string }{
		"$rc":             {`route(AUTH); if ($rc) { note("in"); exit; } note("refused");`, "refused"},
		"$retcode":        {`route(AUTH); if ($retcode) { note("in"); exit; } note("refused");`, "refused"},
		"kept":            {`route(AUTH); $avp(code) = $rc; if ($avp(code)) { note("in"); exit; } note("refused");`, "refused"},
		"let in":          {`route(OPEN); if ($rc) { note("in"); exit; } note("refused");`, "in"},
		"the call":        {`if (!route(AUTH)) { note("refused"); exit; } note("in");`, "refused"},
		"while":           {`$var(i) = 2; while ($var(i)) { $var(i) = $var(i) - 1; note("round"); }`, "round | round"},
		"while below 0":   {`$var(i) = -2; while ($var(i)) { $var(i) = $var(i) + 1; note("round"); }`, "round | round"},
		"while of a text": {`$var(s) = "more"; while ($var(s)) { note("round"); break; }`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, notes := told(t, "route { "+x.statements+" }\nroute[AUTH] { return -1; }\nroute[OPEN] { return 2; }\n")
			p.prog.Request(p.message(invite, stranger))
			if got := strings.Join(*notes, " | "); got != x.want {
				t.Errorf("notes %s, want %s", got, x.want)
			}
		})
	}
}

// TestBodyOverLines: an expression of a condition sees a text as a whole.
func TestBodyOverLines(t *testing.T) {
	const body = "v=0\r\no=- 1\r\nm=audio 4000 RTP/AVP 0\r\n"
	for cond, want := range map[string]string{
		`$rb =~ "v=0.*AUDIO"`: "yes", `$rb !~ "v=0.*audio"`: "no", `$rb =~ "^m="`: "no", `$rb =~ "v=0$"`: "no", `$rb =~ "v=0[^x]*audio"`: "yes",
	} {
		p, notes := told(t, `route { if (`+cond+`) { note("yes"); } else { note("no"); } }`)
		whole := strings.Replace(invite, "Content-Length: 0\r\n\r\n", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body), 1)
		p.prog.Request(p.message(whole, stranger))
		if got := fmt.Sprint(*notes); got != "["+want+"]" {
			t.Errorf("%s: %s, want %s", cond, got, want)
		}
	}
}
