package ctlproto

import "context"

// Names of the methods of the modules dispatcher, speeddial and userblock.
const (
	MethodDispatcherReload   = "dispatcher.reload"    // → Done
	MethodDispatcherList     = "dispatcher.list"      // → DispatcherList
	MethodDispatcherSetState = "dispatcher.set_state" // state group address → Done
	MethodSpeeddialReload    = "speeddial.reload"     // → Done
	MethodUserblockReload    = "userblock.reload"     // → Done
)

// DispatcherList is the result of dispatcher.list.
type DispatcherList struct {
	Sets    int                `json:"NRSETS"`
	Records []DispatcherRecord `json:"RECORDS"`
}

// DispatcherRecord holds a set.
type DispatcherRecord struct {
	Set DispatcherSet `json:"SET"`
}

// DispatcherSet is a set of gateways, in the order in which algorithm 8 takes them.
type DispatcherSet struct {
	ID      int                `json:"ID"`
	Targets []DispatcherTarget `json:"TARGETS"`
}

// DispatcherTarget holds a gateway.
type DispatcherTarget struct {
	Dest DispatcherDest `json:"DEST"`
}

// DispatcherDest is a gateway. Flags are two letters: A active, T trying, I inactive, D
// disabled; then P if it is pinged, else X.
type DispatcherDest struct {
	URI      string          `json:"URI"`
	Flags    string          `json:"FLAGS"`
	Priority int             `json:"PRIORITY"`
	Attrs    DispatcherAttrs `json:"ATTRS"`
	// Latency is nil unless pings are measured and one has been, Runtime unless the
	// gateway has a duid.
	Latency *DispatcherLatency `json:"LATENCY,omitempty"`
	Runtime *DispatcherRuntime `json:"RUNTIME,omitempty"`
}

// DispatcherLatency is how long pings took, in milliseconds.
type DispatcherLatency struct {
	Average   float64 `json:"AVG"`
	Deviation float64 `json:"STD"`
	Estimate  float64 `json:"EST"` // a moving average, which algorithm 13 goes by
	Max       float64 `json:"MAX"`
	Timeouts  int64   `json:"TIMEOUT"` // pings without an answer
}

// DispatcherRuntime is what algorithm 10 goes by.
type DispatcherRuntime struct {
	Load int64 `json:"DLGLOAD"` // calls now
}

// DispatcherAttrs are the attributes of a gateway; Body is the whole text.
type DispatcherAttrs struct {
	Body    string `json:"BODY"`
	DUID    string `json:"DUID"`
	MaxLoad int64  `json:"MAXLOAD"`
	Weight  int    `json:"WEIGHT"`
	RWeight int    `json:"RWEIGHT"`
}

// SpeeddialReload makes the proxy read the table speed_dial again.
func (m Methods) SpeeddialReload(ctx context.Context) error {
	return m.do(ctx, MethodSpeeddialReload, nil)
}

// UserblockReload makes the proxy read the table call_rule again.
func (m Methods) UserblockReload(ctx context.Context) error {
	return m.do(ctx, MethodUserblockReload, nil)
}
