package ctlproto

// ScriptCheckParams are the parameters of script.check: File alone is read by
// the proxy, with the proxy's rights; Text is checked as it is, and File then
// only names it in messages and is where relative includes start.
type ScriptCheckParams struct {
	File string `json:"file,omitempty"`
	Text string `json:"text,omitempty"`
}

// ScriptCheckResult is the result of script.check.
type ScriptCheckResult struct {
	OK     bool          `json:"ok"`
	Errors []ScriptError `json:"errors"`
	// Remarks are what the author of a script without errors should know.
	Remarks []ScriptError `json:"remarks"`
}

// ScriptReloadResult is the result of script.reload. With errors the old script stays
// in force.
type ScriptReloadResult struct {
	OK     bool          `json:"ok"`
	Errors []ScriptError `json:"errors"`
	// Remarks are what the author of a script without errors should know.
	Remarks []ScriptError `json:"remarks"`
	// AtNextStart names settings ("listen") and parameters ("usrloc.db_mode") that have
	// changed and take effect at the next start of the proxy only, and modules that work until
	// then although the script does not load them any more ("loadmodule acc").
	AtNextStart []string `json:"at_next_start"`
}

// The kinds of remarks.
const (
	ScriptWarning = "warning" // its author may have meant otherwise
	ScriptNote    = "note"    // what does nothing here
)

// ScriptError is one fault of a script, or a remark.
type ScriptError struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1
	Message string `json:"message"`
	Caret   string `json:"caret"`          // the line, and under it a ^ below the column
	Kind    string `json:"kind,omitempty"` // of a remark
}
