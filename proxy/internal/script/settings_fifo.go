package script

import (
	"io/fs"
	"strconv"
	"strings"
)

// The bits of a file mode that matter to a FIFO: whoever may write to it is an operator.
const (
	ownersPart fs.FileMode = 0o600 // without it the router could not read the FIFO itself
	othersPart fs.FileMode = 0o002
)

// setFIFOMode takes a file mode. As everywhere in a script, one that begins with 0 is octal and
// any other decimal, in quotes or not: 0660 is 432.
func (k *compiler) setFIFOMode(v value) {
	mode := fs.FileMode(v.num)
	if v.quoted {
		n, err := strconv.ParseUint(v.text, modeBase(v.text), 12)
		if err != nil {
			n = 0
		}
		mode = fs.FileMode(n)
	}
	switch {
	case mode > fs.ModePerm || mode&ownersPart != ownersPart:
		k.wrong(v.pos, "fifo_mode is a file mode such as 0660, octal if it begins with 0, that lets the router read and write")
		return
	case mode&othersPart != 0:
		k.warn(v.pos, "fifo_mode %s lets everybody on this machine command the router: write 0660, and say by fifo_group who may", v.text)
	}
	k.prog.globals.FIFOMode = mode
}

func modeBase(text string) int {
	if strings.HasPrefix(text, "0") {
		return 8
	}
	return 10
}
