package script

import (
	"strings"
	"testing"
)

// TestBitsRefused: Kamailio's operators on bits are no && and ||, and are reported at the operator.
func TestBitsRefused(t *testing.T) {
	for statement, at := range map[string]string{
		`if ($mf & 4) exit;`:                              "1:17",
		`if (!($mf & 16)) exit;`:                          "1:19",
		`if (!$mf & 16) exit;`:                            "1:18",
		`if (($mf & 4) != 0) exit;`:                       "1:18",
		`if ($mf & 4 == 4) exit;`:                         "1:17",
		`if ($var(x) & 2) exit;`:                          "1:21",
		`if (2 & $avp(x)) exit;`:                          "1:15",
		`if ($hdr(X) | 2) exit;`:                          "1:21",
		`if ($rc & 1) exit;`:                              "1:17",
		`if ($sp + 1 & 1) exit;`:                          "1:21",
		`if ("a" | method == INVITE) exit;`:               "1:17",
		`if (method == INVITE && isflagset(1) & 2) exit;`: "1:46",
		`if (1 & 1) exit;`:                                "1:15",
		`while ($mf & 4) exit;`:                           "1:20",
		`$var(x) = $mf & 4;`:                              "1:23",
		`$var(x) = 1 | 4;`:                                "1:21",
		`$var(x) = (1 | 4);`:                              "1:22",
		`return $mf & 4;`:                                 "1:20",
		`switch ($mf & 4) { case 4: exit; }`:              "1:21",
	} {
		_, problems := Compile("bits.cfg", []byte("route { "+statement+" }"), Options{})
		if got := texts(problems); strings.Contains(got, "wants parentheses") || !strings.Contains(got, "bits.cfg:"+at+": operators on bits are not supported") {
			t.Errorf("%s: want it at %s, got\n%s", statement, at, got)
		}
	}
}

// TestMixedOperators: | beside && is refused where Kamailio reads it otherwise than SER: in a script that is
// Kamailio's, once for each pair of parentheses. What both read alike is taken.
func TestMixedOperators(t *testing.T) {
	const conds = "method == INVITE && isflagset(1) | isflagset(2)"
	for text, want := range map[string]string{
		"route { if (" + conds + ") exit; }":                                                                     "1:46",
		"#!KAMAILIO\nroute { if (" + conds + ") break; }":                                                        "2:46",
		"#!KAMAILIO\nroute { if (isflagset(1) | isflagset(2) and method == INVITE) break; }":                     "2:26",
		"#!KAMAILIO\nroute { if (isflagset(1) | isflagset(2) | isflagset(3) && isflagset(4)) break; }":           "2:26",
		"#!KAMAILIO\nroute { if (isflagset(1) & isflagset(2) | isflagset(3) && isflagset(4)) break; }":           "2:41",
		"#!KAMAILIO\nroute { if (method == ACK || isflagset(1) && isflagset(2) | isflagset(3)) break; }":         "2:59",
		"#!KAMAILIO\nroute { if (method == ACK || (isflagset(1) | isflagset(2) && isflagset(3))) break; }":       "2:44",
		"route { if (" + conds + ") break; }":                                                                    "",
		"#!KAMAILIO\nroute { if (isflagset(1) & isflagset(2) || method == ACK) break; }":                         "",
		"#!KAMAILIO\nroute { if (method == ACK || isflagset(1) & isflagset(2)) break; }":                         "",
		"#!KAMAILIO\nroute { if (isflagset(1) | isflagset(2) || method == ACK) break; }":                         "",
		"#!KAMAILIO\nroute { if (isflagset(1) & isflagset(2) && method == ACK) break; }":                         "",
		"#!KAMAILIO\nroute { if (isflagset(1) && isflagset(2) & method == ACK or isflagset(3)) break; }":         "",
		"#!KAMAILIO\nroute { if (isflagset(1) | isflagset(2) & isflagset(3) || isflagset(4)) break; }":           "",
		"#!KAMAILIO\nroute { if (method == INVITE && (isflagset(1) | isflagset(2))) break; }":                    "",
		"#!KAMAILIO\nroute { if ((method == INVITE && isflagset(1)) | isflagset(2)) break; }":                    "",
		"#!KAMAILIO\nroute { if (isflagset(1) | isflagset(2) & isflagset(3)) break; }":                           "",
		"#!KAMAILIO\nroute { if (isflagset(1) | isflagset(2)) break; if (isflagset(3) && isflagset(4)) break; }": "",
	} {
		_, problems := Compile("mixed.cfg", []byte(text), Options{})
		got := texts(problems)
		if want == "" && got != "" || want != "" && (len(problems) != 1 || !strings.Contains(got, "mixed.cfg:"+want+`: "`) || !strings.Contains(got, "wants parentheses")) {
			t.Errorf("%s: want it at %q, got\n%s", text, want, got)
		}
	}
}

// TestNegatedComparison: what ! negates before a comparison of values is another thing in Kamailio.
func TestNegatedComparison(t *testing.T) {
	for cond, refused := range map[string]bool{
		`!$var(x) == 5`: true, `!$rU == "bob"`: true, `!$rU =~ "^b"`: true, `not $var(x) < 5`: true, `!!$var(x) == 5`: true, `!5 != $var(x)`: true,
		`!$var(x) + 1`: true, `!$var(x) mod 2`: true, `!($var(x)) == 5`: true, `method == ACK || !$var(x) == 5`: true, `!(isflagset(1)) == 1`: true,
		`!($var(x) == 5)`: false, `!$var(x)`: false, `!!$var(x)`: false, `!($var(x) + 1)`: false, `!uri == myself`: false, `!method == "ACK"`: false,
		`!$var(x) && $rU == "bob"`: false, `!isflagset(1) & !isflagset(2)`: false, `!(($var(x)) == 5)`: false,
	} {
		_, problems := Compile("not.cfg", []byte("route { if ("+cond+") exit; }"), Options{})
		if got := texts(problems); (got != "") != refused || refused && !strings.Contains(got, "negates stands in parentheses") {
			t.Errorf("%s: refused is to be %v, got\n%s", cond, refused, got)
		}
	}
}
