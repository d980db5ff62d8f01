package ctlproto

// CoreUptime is the result of core.uptime. Now and UpSince are in C's ctime
// format ("Mon Nov 23 20:35:02 2026") and UTC; Uptime is in seconds.
type CoreUptime struct {
	Now     string `json:"now"`
	UpSince string `json:"up_since"`
	Uptime  int64  `json:"uptime"`
}

// UptimeLayout is the layout of CoreUptime's times.
const UptimeLayout = "Mon Jan _2 15:04:05 2006"

// CoreInfo is the result of core.info.
type CoreInfo struct {
	Version  string `json:"version"`
	ID       string `json:"id"`       // the revision that it was built from, "unknown" if it was not recorded
	Compiler string `json:"compiler"` // "go1.26.8"
	Compiled string `json:"compiled"` // the revision's time (RFC 3339), "unknown" likewise
	Flags    string `json:"flags"`    // build tags and the like, separated by ", "
}

// Process is one line of core.psx.
type Process struct {
	Index       int    `json:"IDX"`
	PID         int    `json:"PID"`
	Description string `json:"DSC"`
}

// DomainItem is one of our domains in the result of domain.dump. DID is Kamailio's
// domain id, which is the domain's name here.
type DomainItem struct {
	Domain string `json:"domain"`
	DID    string `json:"did"`
}
