// Package deploy holds what is installed beside the programs. The default
// routing script is embedded, so that the proxy runs without a file.
package deploy

import _ "embed"

//go:embed seraph.cfg
var script string

// Script returns the default routing script.
func Script() string { return script }
