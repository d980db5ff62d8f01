package view

// Status is a presence status as pages know it: the value of data-status, the
// end of an icon's name ("status-online") and of a text's key ("status.online").
type Status string

// The statuses.
const (
	StatusOnline   Status = "online"
	StatusBusy     Status = "busy"
	StatusOffline  Status = "offline"
	StatusNonLocal Status = "non-local"
	StatusUnknown  Status = "unknown"
)

// statuses are all of them.
var statuses = []Status{StatusOnline, StatusBusy, StatusOffline, StatusNonLocal, StatusUnknown}

// status makes a Status of what a page has: {{template "status" .Status}}.
func status(v string) Status {
	for _, known := range statuses {
		if Status(v) == known {
			return known
		}
	}
	return StatusUnknown
}
