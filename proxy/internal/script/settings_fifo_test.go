package script

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// fifoModeScripts are the places where a script says the mode of the FIFO.
func fifoModeScripts(written string) map[string]string {
	return map[string]string{
		"fifo_mode": "fifo_mode=" + written + "\n" + loads + "route { m_dump(); }\n",
		"jsonrpcs":  builtInScript("jsonrpcs", `"fifo_mode", `+written),
		"mi_fifo":   builtInScript("mi_fifo", `"fifo_mode", `+written),
	}
}

// TestFIFOMode: a number that begins with 0 is octal and any other is not, as in Kamailio, so that
// nobody is let in by 432.
func TestFIFOMode(t *testing.T) {
	for written, want := range map[string]fs.FileMode{
		"0660": 0o660, `"0660"`: 0o660, "432": 0o660, `"432"`: 0o660, "0x1b0": 0o660, "0600": 0o600, "384": 0o600, "0620": 0o620, "400": 0o620, "0640": 0o640, "0666": 0o666, "438": 0o666,
	} {
		for place, text := range fifoModeScripts(written) {
			p, problems := Compile("seraph.cfg", []byte(text), Options{Modules: newStage().modules()})
			if p == nil {
				t.Fatalf("%s %s: %s", place, written, texts(problems))
			}
			if got := p.Globals().FIFOMode; got != want {
				t.Errorf("%s %s is %o, want %o", place, written, got, want)
			}
			told := fmt.Sprint(p.Remarks())
			if open := want&0o002 != 0; strings.Contains(told, "lets everybody on this machine command the router") != open {
				t.Errorf("%s %s: the remarks are %s", place, written, told)
			}
		}
	}
}

// TestFIFOModeWrong: what is no mode, or one by which the router could not use its own FIFO, which
// a mode in octal without its 0 mostly is.
func TestFIFOModeWrong(t *testing.T) {
	for _, written := range []string{"660", "600", "666", "777", "0432", "0060", "066", "0", "02000", "01660", `"0680"`, `"rw"`, `"-1"`, `""`, "99999999", `"99999999999999999999"`} {
		for place, text := range fifoModeScripts(written) {
			_, problems := Compile("seraph.cfg", []byte(text), Options{Modules: newStage().modules()})
			if got := texts(problems); !strings.Contains(got, "fifo_mode is a file mode such as 0660, octal if it begins with 0") && !strings.Contains(got, "is a number") {
				t.Errorf("%s %s: %q", place, written, got)
			}
		}
	}
}
