package xlog

import (
	"fmt"
	"slices"
	"strings"

	"seraph/proxy/internal/module"
)

// notHere are specifiers of SER 0.9's that there is nothing for.
var notHere = []string{"br", "ds", "Tf", "TF", "mb", "mi", "nh", "pp", "uq", "is"}

// dollars writes SER 0.9's specifiers, %ru, as the pseudo-variables that they have
// become. Percent signs that begin none stay.
func dollars(text string) (string, error) {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '%')
		if i < 0 || i == len(text)-1 {
			b.WriteString(text)
			return b.String(), nil
		}
		b.WriteString(text[:i])
		text = text[i+1:]
		if text[0] == '%' {
			b.WriteByte('%')
			text = text[1:]
			continue
		}
		name := text[:min(2, len(text))]
		switch {
		case slices.Contains(notHere, name):
			return "", fmt.Errorf("%%%s is not supported; a percent sign itself is %%%%", name)
		case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
			return "", fmt.Errorf("%%%c is not supported; a header field is $hdr(Subject)", text[0])
		case isSpecifier(name):
			b.WriteString("$(" + name + ")")
			text = text[2:]
		default:
			b.WriteByte('%')
		}
	}
}

// isSpecifier tells the names that a pseudo-variable without parentheses has too.
func isSpecifier(name string) bool {
	_, form := module.VariableDoc(name)
	return len(name) == 2 && form == "" && slices.Contains(module.VariableNames(), name)
}
