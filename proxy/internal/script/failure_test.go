package script

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
)

// relaying is a module with a t_relay that relays and a t_on_failure that arms.
func relaying() module.Module {
	return &fake{name: "tm", funcs: []module.Func{
		{Name: "t_relay", Routes: module.RequestRoute | module.FailureRoute, Compile: func([]module.Arg) (module.Call, error) {
			return func(c *module.Ctx) int {
				if c.Relay() != nil {
					return module.False
				}
				return module.True
			}, nil
		}},
		{Name: "t_on_failure", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: func(args []module.Arg) (module.Call, error) {
			number := args[0].Num
			return func(c *module.Ctx) int { c.OnFailure = number; return module.True }, nil
		}},
	}}
}

var branchOf = regexp.MustCompile(`\r\n(Via: SIP/2\.0/UDP [^\r]*)\r\n`)

// TestFailureRouteBranches: after a 486 the failure route sends the call to what
// it adds or writes into the Request-URI, each once, and not again to where it was.
func TestFailureRouteBranches(t *testing.T) {
	for _, x := range []struct{ failure, want string }{
		{`append_branch("sip:vm@192.0.2.9"); t_relay();`, "sip:vm@192.0.2.9"},
		{`rewriteuri("sip:vm@192.0.2.9"); t_relay();`, "sip:vm@192.0.2.9"},
		{`rewriteuri("sip:vm@192.0.2.9"); append_branch(); t_relay();`, "sip:vm@192.0.2.9"},
		{`rewriteuri("sip:a@192.0.2.9"); append_branch(); rewriteuri("sip:b@192.0.2.9"); append_branch(); t_relay();`,
			"sip:a@192.0.2.9 sip:b@192.0.2.9"},
		{`revert_uri(); t_relay();`, ""}, // it was there already
		{`break;`, ""},
	} {
		t.Run(x.failure, func(t *testing.T) {
			prog, problems := Compile("f.cfg", []byte(`loadmodule "tm.so" route { t_on_failure(1); t_relay(); } failure_route[1] { `+x.failure+` }`),
				Options{Modules: []module.Module{relaying()}})
			if len(problems) > 0 {
				t.Fatal(texts(problems))
			}
			p := compile(t, "route { ; }", nil)
			*p.prog = *prog
			request := strings.Replace(invite, "Bob@example.org;user=phone", "Bob@192.0.2.8", 1)
			p.receive(request)
			sent := targets(p.sent)
			if !slices.Equal(sent, []string{"sip:Bob@192.0.2.8"}) {
				t.Fatalf("the call went to %q: %q", sent, p.sent)
			}
			via := branchOf.FindStringSubmatch(p.sent[len(p.sent)-1])
			p.sent = nil
			p.receive("SIP/2.0 486 Busy Here\r\n" + via[1] + "\r\n" +
				strings.Replace(request[strings.Index(request, "Via:"):], "org>\r\n", "org>;tag=2\r\n", 1))
			got := targets(p.sent)
			slices.Sort(got)
			if strings.Join(got, " ") != x.want {
				t.Errorf("after the 486 the call goes to %q, want %q", got, x.want)
			}
			up := slices.ContainsFunc(p.sent, func(m string) bool { return strings.HasPrefix(m, "SIP/2.0 486 ") })
			if up != (x.want == "") {
				t.Errorf("the 486 went up: %v", up)
			}
		})
	}
}

// targets are the Request-URIs of the INVITEs among messages.
func targets(sent []string) []string {
	var list []string
	for _, m := range sent {
		if uri, ok := strings.CutPrefix(m, "INVITE "); ok {
			uri, _, _ = strings.Cut(uri, " ")
			list = append(list, uri)
		}
	}
	return list
}
