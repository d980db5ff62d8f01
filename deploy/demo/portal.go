package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// portalFile holds the portal's settings. It is made once: a visitor may try
// others there.
const portalFile = "webui.toml"

// portalSettings are the first ones. Another domain that a visitor adds must not
// keep people from signing in with their bare names.
const portalSettings = `# Settings of the demo's portal; deploy/webui.toml explains all there are. The demo reads
# them when it starts, and makes this file again if you delete it.
default_domain = %q
`

// portalConfig is the path of the portal's settings.
func (f *folder) portalConfig() (string, error) {
	path := f.file(portalFile)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	return path, os.WriteFile(path, fmt.Appendf(nil, portalSettings, domain), 0o600)
}
