package textops_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
)

// TestTexts: two texts, with and without variables.
func TestTexts(t *testing.T) {
	for _, x := range []struct {
		name, a, b string
		want       bool
	}{
		{"starts_with", "$rU", "01", true}, {"starts_with", "$rU", "23", false}, {"starts_with", "abc", "", true}, {"starts_with", "", "a", false}, {"starts_with", "Abc", "ab", false},
		{"ends_with", "$rU", "23", true}, {"ends_with", "$rU", "01", false}, {"ends_with", "x$rU", "x$rU", true},
		{"cmp_str", "$fU@$fd", "alice@example.org", true}, {"cmp_str", "Alice", "$fU", false}, {"cmp_str", "$hdr(X-None)", "", true},
		{"cmp_istr", "ALICE", "$fU", true}, {"cmp_istr", "bob", "$fU", false},
	} {
		if got := moduletest.Compile(t, m, x.name, x.a, x.b)(moduletest.Message(t, invite)); (got == module.True) != x.want {
			t.Errorf("%s(%q, %q) is %d", x.name, x.a, x.b, got)
		}
		if got := moduletest.Refused(t, m, x.name, x.a, "$nope"); !strings.Contains(got, "there is no variable $nope") {
			t.Errorf("%s: %s", x.name, got)
		}
	}
	long := moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y", "X-Long: "+strings.Repeat("z", 9000)))
	if got := moduletest.Compile(t, m, "starts_with", "$hdr(X-Long)x", "z")(long); got != module.False {
		t.Errorf("a text that is too long: %d", got)
	}
}

// TestSearchHF: the lines that are meant, and no others.
func TestSearchHF(t *testing.T) {
	for _, x := range []struct {
		field, expr, which string
		want               bool
	}{
		{"Allow", "^invite", "a", true}, {"allow", "^BYE$", "a", true}, {"Allow", "BYE", "f", false}, {"Allow", "ACK", "f", true},
		{"Allow", "ACK", "l", false}, {"Allow", "BYE", "l", true}, {"X-None", ".*", "a", false}, {"X-None", ".*", "l", false}, {"m", "transport=UDP", "f", true},
	} {
		if got := moduletest.Compile(t, m, "search_hf", x.field, x.expr, x.which)(moduletest.Message(t, invite)); (got == module.True) != x.want {
			t.Errorf("%+v: %d", x, got)
		}
	}
	for _, bad := range [][4]string{{"X Y", "a", "a", "no name of a header field"}, {"X", "(", "a", "bad regular expression"}, {"X", "a", "all", "says nothing of which lines"}} {
		if got := moduletest.Refused(t, m, "search_hf", bad[0], bad[1], bad[2]); !strings.Contains(got, bad[3]) {
			t.Errorf("%q: %s", bad, got)
		}
	}
}

// TestInsertHF: first of all, and before another field.
func TestInsertHF(t *testing.T) {
	c := moduletest.Message(t, invite)
	moduletest.Compile(t, m, "insert_hf", "X-First: $rU\r\n")(c)
	moduletest.Compile(t, m, "insert_hf", "X-Agent: 1", "user-agent")(c)
	moduletest.Compile(t, m, "insert_hf", "X-Second: 2", "X-None")(c)
	out := moduletest.Headers(c)
	if !strings.HasPrefix(out, "X-First: 0123\r\nX-Second: 2\r\nVia: ") || !strings.Contains(out, "\r\nX-Agent: 1\r\nUser-Agent: ") {
		t.Errorf("the headers:\n%s", out)
	}
	for _, bad := range [][2]string{{"nothing", "it has no colon"}, {"Via: x", "Via is written by the router itself"}} {
		if got := moduletest.Refused(t, m, "insert_hf", bad[0]); !strings.Contains(got, bad[1]) {
			t.Errorf("%q: %s", bad, got)
		}
	}
	if got := moduletest.Refused(t, m, "insert_hf", "X: 1", "a b"); !strings.Contains(got, "no name of a header field") {
		t.Error(got)
	}
}
