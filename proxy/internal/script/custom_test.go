package script

import (
	"strings"
	"testing"
)

// TestOwnSettings: a setting of the script's own is a value in its routes, whatever its type, and
// the last one counts.
func TestOwnSettings(t *testing.T) {
	p, notes := told(t, `gateway.host = "192.0.2.9" desc "replaced"
gateway.host = "192.0.2.30" desc "where calls go";
gateway.port = 5080 description 'its port'
gateway.none = ""
route {
	note("$sel(cfg_get.gateway.host):$sel(cfg_get.gateway.port)");
	$ru = "sip:" + $rU + "@" + $sel(cfg_get.gateway.host) + ":" + $sel(cfg_get.gateway.port);
	note("$ru");
	if ($sel(cfg_get.gateway.port) > 5079) note("high");
	if (@cfg_get.gateway.host == "192.0.2.30" && !(5079 > @cfg_get.gateway.port)) note("chosen");
	$var(x) = "at " + @cfg_get.gateway.host;
	note("$var(x)");
	if (strempty($sel(cfg_get.gateway.none))) note("empty");
	if (strempty($sel(cfg_get.gateway.host))) note("wrong");
	if (strempty($hdr(X-None)) && strempty("") && !strempty("x") && !strempty("$rU")) note("all");
}`)
	p.prog.Request(p.message(invite, stranger))
	if got, want := strings.Join(*notes, " | "), "192.0.2.30:5080 | sip:Bob@192.0.2.30:5080 | high | chosen | at 192.0.2.30 | empty | all"; got != want {
		t.Errorf("noted %s, want %s", got, want)
	}
}

// TestOwnSettingsRemarks: one that nothing reads is noted, and may be a mistyped name.
func TestOwnSettingsRemarks(t *testing.T) {
	got, _ := remarksOf(t, "gateway.host = \"x\"\ngateway.prot = 5\n"+loads+"route { if ($sel(cfg_get.gateway.host) == \"x\") m_dump(); }\n", Options{})
	if want := "seraph.cfg:2:1: note: nothing reads gateway.prot\n    gateway.prot = 5\n    ^"; got != want {
		t.Errorf("remarks %s, want %s", got, want)
	}
}

func TestOwnSettingsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"gateway.host = x\nroute { exit; }":                                               "gateway.host is a number, or a text in quotes",
		"gateway.host = \"x\" desc\nroute { exit; }":                                      "expected a description in quotes",
		"gateway..host = \"x\"\nroute { exit; }":                                          `there is no setting "gateway..host"`,
		"a.b.c = \"x\"\nroute { exit; }":                                                  `there is no setting "a.b.c"`,
		"5.b = 1\nroute { exit; }":                                                        `there is no setting "5.b"`,
		"gateway.host = \"x\"\nroute { $var(a) = $sel(cfg_get.gateway.hots); }":           `there is no setting "gateway.hots" of the script's own (did you mean gateway.host?)`,
		"route { $var(a) = $sel(cfg_get.gateway.host); }":                                 `there is no setting "gateway.host" of the script's own`,
		"route { $var(a) = $sel(ip_addr); }":                                              "$sel wants a setting of the script's own: $sel(cfg_get.gateway.host)",
		"route { $var(a) = $sel; }":                                                       "$sel wants a setting",
		"gateway.host = \"x\"\nroute { $sel(cfg_get.gateway.host) = \"y\"; }":             "$sel(cfg_get.gateway.host)",
		"gateway.host = \"x\"\nroute { $var(a) = @cfg_get.gateway.hots; }":                `there is no setting "gateway.hots" of the script's own (did you mean gateway.host?)`,
		"route { if (@ruri.user == \"x\") exit; }":                                        "@ruri.user is not supported: there is only @cfg_get.GROUP.NAME",
		"route { if (@cfg_get.gateway.host == \"x\") exit; }":                             `there is no setting "gateway.host" of the script's own`,
		"route { if (@cfg_get == 1) exit; }":                                              "@cfg_get is not supported",
		"route { if (@ == 1) exit; }":                                                     `expected a condition before "@"`,
		"gateway.host = \"x\"\nroute { @cfg_get.gateway.host = \"y\"; }":                  "@",
		"route { if (strempty()) exit; }":                                                 "strempty",
		"route { if (strempty($nonsense)) exit; }":                                        "there is no variable $nonsense",
		"debug = 3 desc \"x\"\nroute { exit; }":                                           `unknown statement "desc"`,
		"gateway.secret = \"mysql://u:hunter2@h/d\"\ngateway.secret = x\nroute { exit; }": "gateway.secret is a number",
	} {
		_, problems := Compile("seraph.cfg", []byte(loads+text), Options{Modules: newStage().modules()})
		if got := texts(problems); len(problems) == 0 || !strings.Contains(got, want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestOwnSettingsDump: the printed script has them, and means the same.
func TestOwnSettingsDump(t *testing.T) {
	const text = loads + "gateway.host = \"192.0.2.30\" desc \"x\"\nroute { if (strempty($sel(cfg_get.gateway.host)) || @cfg_get.gateway.host == \"y\") exit; }\n"
	dumped := compileWhole(t, text, nil).prog.Dump()
	if !strings.Contains(dumped, `gateway.host="192.0.2.30"`) {
		t.Errorf("the dump lacks the setting:\n%s", dumped)
	}
	if again := compileWhole(t, dumped, nil).prog.Dump(); again != dumped {
		t.Errorf("the dump of the dump is\n%s", again)
	}
}
