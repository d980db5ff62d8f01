package module_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
)

func message(t testing.TB, lines ...string) *module.Ctx {
	t.Helper()
	c := moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org:5070;x=y", lines...))
	c.Vars = make([]module.Value, 4)
	return c
}

// TestAVPsAgainstModel: any sequence of settings leaves what a map holds, and never more
// than MaxAVPs bytes.
func TestAVPsAgainstModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := message(t)
		model := map[string]string{}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "name", strings.Repeat("n", 60)}).Draw(r, "name")
			v, text := module.Value{}, ""
			switch rapid.IntRange(0, 2).Draw(r, "kind") {
			case 0:
				n := rapid.Int64().Draw(r, "number")
				v, text = module.Number(n), fmt.Sprint(n)
			case 1:
				text = rapid.StringN(0, 20, 1500).Draw(r, "text")
				v = module.Text([]byte(text))
			}
			ok := c.SetAVP(name, v)
			switch {
			case v.Kind == module.NullValue:
				delete(model, name)
				if !ok {
					r.Fatal("removing was refused")
				}
			case ok:
				model[name] = text
			default:
				delete(model, name) // what was there gave way
			}
			if len(c.Kept) > module.MaxAVPs {
				r.Fatalf("%d bytes are kept", len(c.Kept))
			}
			for _, name := range []string{"a", "b", "name", strings.Repeat("n", 60)} {
				got := c.AVP(name)
				want, has := model[name]
				if (got.Kind != module.NullValue) != has || string(got.Append(nil)) != want {
					r.Fatalf("$avp(%s) is %q, want %q", name, got.Append(nil), want)
				}
			}
		}
	})
}

// TestInt: what reads as a number.
func TestInt(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "42": 42, "-7": -7, "007": 7, "999999999999999999": 999999999999999999} {
		if n, ok := module.Text([]byte(text)).Int(); !ok || n != want {
			t.Errorf("%q is %d, %v", text, n, ok)
		}
	}
	for _, text := range []string{"", "-", "x", "1x", "1 ", "+1", "1000000000000000000", "1.5"} {
		if n, ok := module.Text([]byte(text)).Int(); ok {
			t.Errorf("%q is the number %d", text, n)
		}
	}
}

// TestAsNumber: what a value counts as beside a number: nonsense, and what would not fit, as 0.
func TestAsNumber(t *testing.T) {
	for text, want := range map[string]int64{
		"42": 42, "-7": -7, "05": 5, "+5": 5, "999999999999999999": 999999999999999999,
		"": 0, "n/a": 0, "5abc": 0, "5 ": 0, "+-5": 0, "+": 0, "-": 0, "1.5": 0, "1000000000000000000": 0, "0x10": 0,
	} {
		if got := module.Text([]byte(text)).AsNumber(); got != want {
			t.Errorf("%q counts as %d, want %d", text, got, want)
		}
	}
	if n, null := module.Number(-3).AsNumber(), (module.Value{}).AsNumber(); n != -3 || null != 0 {
		t.Errorf("the number -3 counts as %d, null as %d", n, null)
	}
}

// TestEqual: as Kamailio 5.6 has answered: numbers as numbers where one stands on the left, else
// texts, null as nothing. back is the answer with the sides changed.
func TestEqual(t *testing.T) {
	text, number := func(s string) module.Value { return module.Text([]byte(s)) }, module.Number
	for _, x := range []struct {
		a, b       module.Value
		want, back bool
	}{
		{text("Bob"), text("bOB"), true, true}, // in Kamailio case counts
		{text("bob"), text("bobo"), false, false},
		{text("["), text("{"), false, false},
		{number(5), number(5), true, true},
		{number(5), text("5"), true, true},
		{number(5), text("05"), true, false},
		{number(112), text("0112"), true, false},
		{number(5), text("+5"), true, false},
		{number(-5), text("-5"), true, true},
		{number(5), text("5abc"), false, false},
		{number(5), text("x"), false, false},
		{number(0), text("x"), true, false},
		{number(0), text(""), true, false},
		{text("05"), text("5"), false, false},
		{module.Value{}, number(0), true, true},
		{module.Value{}, number(5), false, false},
		{module.Value{}, text(""), true, true},
		{module.Value{}, text("0"), false, false},
		{module.Value{}, text("x"), false, false},
		{module.Value{}, module.Value{}, true, true},
	} {
		if got, back := x.a.Equal(x.b), x.b.Equal(x.a); got != x.want || back != x.back {
			t.Errorf("%+v == %+v is %v, want %v; the sides changed %v, want %v", x.a, x.b, got, x.want, back, x.back)
		}
	}
}

// TestCompare: both sides count as numbers, whatever they are.
func TestCompare(t *testing.T) {
	text, number := func(s string) module.Value { return module.Text([]byte(s)) }, module.Number
	for _, x := range []struct {
		a, b module.Value
		want int
	}{
		{number(1), number(2), -1}, {text("05"), text("4"), 1}, {text("+5"), number(5), 0}, {module.Value{}, number(1), -1},
		{text("n/a"), number(1), -1}, {text("n/a"), number(0), 0}, {text("n/a"), number(-1), 1}, {text("n/a"), text("5"), -1}, {text("5abc"), number(4), -1},
	} {
		if got, back := x.a.Compare(x.b), x.b.Compare(x.a); got != x.want || back != -x.want {
			t.Errorf("%+v beside %+v: %d and %d, want %d", x.a, x.b, got, back, x.want)
		}
	}
}

// TestLine: what a stranger has put into the message cannot end a header line.
func TestLine(t *testing.T) {
	c := message(t, "Subject: one\n two\tthree")
	f, _, err := module.ParseFormat("X: $hdr(Subject)\r\n", &module.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(f.Line(c)); got != "X: one   two three\r\n" {
		t.Errorf("%q", got)
	}
	var pieces []string
	for text, v := range f.Pieces() {
		if v != nil {
			text = "(" + string(v.AppendLine(nil, c)) + ")"
		}
		pieces = append(pieces, text)
	}
	if got := strings.Join(pieces, "|"); got != "X: |(one   two three)|\r\n" {
		t.Errorf("pieces %q", got)
	}
}

// TestVariablesOfMessage: every variable gives a value or none for a request, a response
// and our own user agent's request, and has a line for the reference.
func TestVariablesOfMessage(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	reply := moduletest.Message(t, "SIP/2.0 486 Busy Here\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <tel:1>;tag=1\nTo: <sip:d>;tag=2\nCall-ID: call-2\nCSeq: 7 INVITE\n")
	for _, c := range []*module.Ctx{message(t), reply} {
		c.Engine = r.Engine
		for _, name := range module.VariableNames() {
			doc, form := module.VariableDoc(name)
			if doc == "" {
				t.Errorf("$%s has no line for the reference", name)
			}
			text := "$" + name
			if form != "" {
				text += "(x)"
			}
			v, n, err := module.ParseVariable(text, &module.Scope{})
			if err != nil || n != len(text) {
				t.Errorf("%s: %v", text, err)
				continue
			}
			if text != v.String() {
				t.Errorf("%s reads as %s", text, v)
			}
			v.Value(c)
		}
	}
	got := make([]string, 0, 4)
	for _, text := range []string{"$rs", "$rr", "$fU", "$td"} {
		v, _, err := module.ParseVariable(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(v.Value(reply).Append(nil)))
	}
	if strings.Join(got, " ") != "486 Busy Here 1 d" {
		t.Errorf("%q", got)
	}
}

// TestScopeIsBounded: a script has a bounded number of variables.
func TestScopeIsBounded(t *testing.T) {
	s := &module.Scope{}
	for i := range module.MaxScriptVars {
		if _, _, err := module.ParseVariable(fmt.Sprintf("$var(v%d)", i), s); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := module.ParseVariable("$var(v0)", s); err != nil {
		t.Error("one that is known is refused:", err)
	}
	if _, _, err := module.ParseVariable("$var(onemore)", s); err == nil || s.Len() != module.MaxScriptVars {
		t.Error("one more is taken")
	}
	if _, _, err := module.ParseVariable("$var(x)", nil); err == nil {
		t.Error("$var is taken where there is no script")
	}
}

// FuzzFormat: whatever the text, it is refused or gives a text whose literal parts are
// its own.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{"$ru", "$(ru)x", "$hdr(To)", "$$", "$", "$(", "$((ru))", "$var(a) $avp(b)", "a$5b", "$hdr(", "$(hdr(To)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := message(t)
		format, literal, err := module.ParseFormat(text, &module.Scope{})
		if err != nil {
			return
		}
		if format == nil {
			if !strings.Contains(text, "$") && literal != text {
				t.Errorf("%q became %q", text, literal)
			}
			return
		}
		format.Append(nil, c, "")
		if line := format.Line(c); bytes.ContainsAny(line, "\r\n") && !strings.ContainsAny(text, "\r\n") {
			t.Errorf("%q brought a line end: %q", text, line)
		}
	})
}
