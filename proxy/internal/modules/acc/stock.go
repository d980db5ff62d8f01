package acc

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"seraph/proxy/internal/module"
)

// stockParams are SER's and Kamailio's that say how rows and lines look. They are taken where they
// ask for what is done.
func (m *Module) stockParams() []module.Param {
	return []module.Param{
		{Name: "log_level", Kind: module.Int, Set: m.setLogLevel, Doc: "SER's level of the lines of log_flag and log_missed_flag, -5 to 4; 2 (info) if not set"},
		{Name: "log_fmt", Kind: module.String, Set: setLogFormat, Doc: "taken and not used: a line has the method, the status and the Call-ID, by which the row is found"},
		{Name: "log_facility", Kind: module.String, Set: func(string, int) error { return nil }, Doc: "taken and not used: who starts the router says where its log goes"},
		{Name: "log_extra", Kind: module.String, Set: extras("log_extra"), Doc: "taken if it asks for what every row has: src_user, src_domain, src_ip, dst_ouser, dst_user, dst_domain"},
		{Name: "db_extra", Kind: module.String, Set: extras("db_extra"), Doc: "the same"},
		{Name: "report_ack", Kind: module.Int, Set: zeroTo("report_ack", 1), Doc: "taken and not used: an ACK makes no row, the 2xx before it has made that"},
		{Name: "report_cancels", Kind: module.Int, Set: zeroTo("report_cancels", 0), Doc: "taken if 0: a CANCEL makes no row, its INVITE does"},
		{Name: "early_media", Kind: module.Int, Set: zeroTo("early_media", 0), Doc: "taken if 0: provisional answers make no row"},
		{Name: "detect_direction", Kind: module.Int, Set: zeroTo("detect_direction", 0), Doc: "taken if 0: a row names who sent the request"},
	}
}

func zeroTo(name string, most int) func(string, int) error {
	return func(_ string, n int) error {
		switch {
		case n >= 0 && n <= most:
			return nil
		case most == 0:
			return fmt.Errorf("%s can only be 0", name)
		}
		return fmt.Errorf("%s is a number from 0 to %d", name, most)
	}
}

// setLogLevel takes a level of SER: -1 and less are errors, 0 is a warning, 1 and 2 tell, 3 and 4
// are for who looks for a fault.
func (m *Module) setLogLevel(_ string, n int) error {
	switch {
	case n < -5 || n > 4:
		return fmt.Errorf("log_level is a number from -5 to 4, not %d", n)
	case n < 0:
		m.set.logLevel = slog.LevelError
	case n == 0:
		m.set.logLevel = slog.LevelWarn
	case n <= 2:
		m.set.logLevel = slog.LevelInfo
	default:
		m.set.logLevel = slog.LevelDebug
	}
	return nil
}

// setLogFormat takes SER's letters, one for each part of the line.
func setLogFormat(text string, _ int) error {
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return fmt.Errorf("log_fmt is letters, as in \"miocfts\", not %q", text)
		}
	}
	if text == "" {
		return fmt.Errorf("log_fmt is empty")
	}
	return nil
}

// stockExtras are those of Kamailio's own script, which every row of acc has.
var stockExtras = []string{"src_user=$fU", "src_domain=$fd", "src_ip=$si", "dst_ouser=$tU", "dst_user=$rU", "dst_domain=$rd"}

// extras takes a list of columns and what stands in them.
func extras(name string) func(string, int) error {
	return func(text string, _ int) error {
		for one := range strings.SplitSeq(text, ";") {
			if one = strings.ReplaceAll(one, " ", ""); one != "" && !slices.Contains(stockExtras, one) {
				return fmt.Errorf("%s: a row has no %q, but these: %s", name, one, strings.Join(stockExtras, ";"))
			}
		}
		return nil
	}
}
