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

// TestEqual: numbers as numbers, texts without regard to case, null as nothing.
func TestEqual(t *testing.T) {
	text := func(s string) module.Value { return module.Text([]byte(s)) }
	for _, x := range []struct {
		a, b module.Value
		want bool
	}{
		{text("Bob"), text("bOB"), true},
		{text("bob"), text("bobo"), false},
		{text("["), text("{"), false},
		{module.Number(5), text("5"), true},
		{module.Number(5), text("05"), true},
		{module.Number(5), text("x"), false},
		{text("05"), text("5"), false},
		{module.Value{}, module.Number(0), true},
		{module.Value{}, text(""), true},
		{module.Value{}, text("x"), false},
		{module.Value{}, module.Value{}, true},
	} {
		if x.a.Equal(x.b) != x.want || x.b.Equal(x.a) != x.want {
			t.Errorf("%+v and %+v are equal: %v", x.a, x.b, !x.want)
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
