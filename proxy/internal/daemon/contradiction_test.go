package daemon

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"seraph/proxy/internal/script"
)

// TestContradictions: what a router could not be started with is refused by -c, with its line, and by a
// reload, which changes nothing then.
func TestContradictions(t *testing.T) {
	const pipe, queue = "modparam(\"ratelimit\", \"pipe\", \"0:TAILDROP:100\")\n", "modparam(\"ratelimit\", \"queue\", \"0:*\")\n"
	const load = "loadmodule \"ratelimit.so\"\n"
	s := newStand(t, strings.NewReplacer("%NAME%", "old", "%SETTINGS%", load+pipe+queue).Replace(reloadScript))
	for name, x := range map[string]struct {
		settings, want string
		at             string // the line that the fault is said of
	}{
		"a queue without its pipe": {load + queue, "module ratelimit: the queue of * leads to pipe 0, which is not defined", "loadmodule \"ratelimit.so\""},
		"times of the registrar": {"loadmodule \"registrar.so\"\nmodparam(\"registrar\", \"min_expires\", 600)\nmodparam(\"registrar\", \"max_expires\", 60)\n",
			"module registrar: max_expires (60) is below min_expires (600)", "loadmodule \"registrar.so\""},
		"auth_db alone":    {"loadmodule \"auth_db.so\"\n", `module auth_db needs module auth before it: loadmodule "auth.so"`, "loadmodule \"auth_db.so\""},
		"auth_db first":    {"loadmodule \"auth_db.so\"\nloadmodule \"auth.so\"\n", "needs module auth before it", "loadmodule \"auth_db.so\""},
		"no one to answer": {"loadmodule \"uac.so\"\nmodparam(\"uac\", \"credential\", \"a:b:c\")\n", "there is a credential and no auth_target", "loadmodule \"uac.so\""},
		"silent phones":    {"loadmodule \"nathelper.so\"\nmodparam(\"nathelper\", \"keepalive_timeout\", 60)\n", "keepalive_timeout needs natping_interval", "loadmodule \"nathelper.so\""},
		"reminders":        {"loadmodule \"msilo.so\"\nmodparam(\"msilo\", \"snd_time_avp\", \"$avp(s:at)\")\n", "snd_time_avp needs reminder", "loadmodule \"msilo.so\""},
	} {
		t.Run(name, func(t *testing.T) {
			s.write("new", x.settings)
			_, err := CheckScript(s.d.cfg.Script, nil, "")
			var faults ScriptError
			if !errors.As(err, &faults) || len(faults) != 1 || !strings.Contains(faults[0].Message, x.want) || !strings.HasPrefix(faults[0].Caret, x.at) {
				t.Errorf("-c says %v", err)
			}
			if _, err := s.d.ReloadScript(); !errors.As(err, &faults) || !strings.Contains(err.Error(), x.want) {
				t.Errorf("the reload says %v", err)
			}
			if p := s.d.modules.Guards.Ratelimit.Pipes(); len(p) != 1 || p[0].Limit != 100 {
				t.Errorf("a script that is refused has changed the pipes to %+v", p)
			}
		})
	}
}

// TestContradictionsFollowNothing: a parameter that is refused is said once; what follows from it is not.
func TestContradictionsFollowNothing(t *testing.T) {
	const text = "loadmodule \"ratelimit.so\"\nmodparam(\"ratelimit\", \"pipe\", \"0:NETWORK:100\")\nmodparam(\"ratelimit\", \"queue\", \"0:*\")\nroute { drop; }\n"
	_, problems := compileOnly("new.cfg", []byte(text), script.Options{})
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "NETWORK") {
		t.Errorf("problems: %v", problems)
	}
}

// TestQueueKeepsItsPipe: queues stay until the next start, and so does the limit of those that lead somewhere.
func TestQueueKeepsItsPipe(t *testing.T) {
	const load = "loadmodule \"ratelimit.so\"\n"
	s := newStand(t, strings.NewReplacer("%NAME%", "old", "%SETTINGS%", load+
		"modparam(\"ratelimit\", \"pipe\", \"0:TAILDROP:100\")\nmodparam(\"ratelimit\", \"pipe\", \"1:RED:5\")\nmodparam(\"ratelimit\", \"queue\", \"0:*\")\n").Replace(reloadScript))
	s.write("new", load)
	waiting, err := s.d.ReloadScript()
	if err != nil || !slices.Contains(waiting, "ratelimit.queue") {
		t.Errorf("waiting are %q, error %v", waiting, err)
	}
	if p := s.d.modules.Guards.Ratelimit.Pipes(); len(p) != 1 || p[0].ID != 0 || p[0].Limit != 100 {
		t.Errorf("the pipes are %+v", p)
	}
}

// TestDefinesAreNotTold: whoever has a text of his own checked does not get to see what the command line
// defines: that may be a password. That a word is defined he may know.
func TestDefinesAreNotTold(t *testing.T) {
	s := newReloadStand(t)
	s.d.cfg.Defines = []string{`DBURL="mysql://seraph:s3cret@db/seraph"`, "WITH_NAT", "PW s3cret"}
	for _, text := range []string{`loadmodule "tm.so" modparam("tm", DBURL, 1) route { drop; }`, "route { PW(); }", "#!ifdef WITH_NAT\nroute { no_such(); }\n#!endif\n"} {
		faults, _ := s.d.scriptFaults("script", text, false)
		if len(faults) == 0 {
			t.Errorf("%s: no fault", text)
		}
		for _, f := range faults {
			if strings.Contains(f.Message+f.Caret, "s3cret") {
				t.Errorf("%s: %s", text, f.Message)
			}
		}
	}
}
