package ctlproto

// Names of the methods of the modules that guard the router: pike, htable, ratelimit and
// permissions.
const (
	MethodPikeTop           = "pike.top"                  // [filter] → PikeTop
	MethodPikeRm            = "pike.rm"                   // ip → Done
	MethodHtableDump        = "htable.dump"               // htable → []HtableSlot
	MethodHtableGet         = "htable.get"                // htable key → HtableGet
	MethodHtableDelete      = "htable.delete"             // htable key → Done
	MethodHtableSets        = "htable.sets"               // htable key value → Done
	MethodHtableSeti        = "htable.seti"               // htable key value → Done
	MethodHtableFlush       = "htable.flush"              // htable → Done
	MethodHtableListTables  = "htable.listTables"         // → []HtableTable
	MethodHtableStats       = "htable.stats"              // → []HtableStats
	MethodRlGetPipes        = "rl.get_pipes"              // → []RlPipe
	MethodRlSetPipe         = "rl.set_pipe"               // pipe_id pipe_algorithm pipe_limit → Done
	MethodPermAddressReload = "permissions.addressReload" // → Done
	MethodPermTrustedReload = "permissions.trustedReload" // → Done
	MethodPermAddressDump   = "permissions.addressDump"   // → []PermAddress
	MethodPermSubnetDump    = "permissions.subnetDump"    // → []PermAddress
	MethodPermTrustedDump   = "permissions.trustedDump"   // → []PermTrusted
)

// PikeTop is the result of pike.top: who sends most, the heaviest first, at most 1,000 of them.
type PikeTop struct {
	// MaxHits is the limit for one unit of time (reqs_density_per_unit).
	MaxHits int `json:"max_hits"`
	// Total counts those that the filter lets through, listed or not.
	Total int          `json:"total"`
	List  []PikeSource `json:"list"`
}

// PikeSource is one sender: an IPv4 address, or a network of IPv6 as "2001:db8::/64".
type PikeSource struct {
	IP       string `json:"ip_addr"`
	HitsPrev int    `json:"leaf_hits_prev"`   // requests in the last unit of time
	HitsCurr int    `json:"leaf_hits_curr"`   // and in the present one
	Expires  int    `json:"expires"`          // seconds until it is forgotten if it stays quiet
	Status   string `json:"status"`           // HOT: is blocked; WARM: above half of the limit; else ALL
	Stream   bool   `json:"stream,omitempty"` // what it sends over TCP, TLS and WebSockets; else over UDP
}

// HtableItem is an entry of a hash table; Value is a string or an int64.
type HtableItem struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// HtableSlot is one slot of a hash table that is not empty.
type HtableSlot struct {
	Entry int          `json:"entry"` // the slot's number
	Size  int          `json:"size"`
	Slot  []HtableItem `json:"slot"`
}

// HtableGet is the result of htable.get.
type HtableGet struct {
	Item HtableItem `json:"item"`
}

// HtableTable describes a hash table.
type HtableTable struct {
	Name         string `json:"name"`
	Expire       int    `json:"expire"` // seconds, 0 for never
	UpdateExpire int    `json:"updateexpire"`
	Size         int    `json:"size"`    // slots
	MaxSize      int    `json:"maxsize"` // items at most
}

// HtableStats counts what is in a hash table.
type HtableStats struct {
	Name  string `json:"name"`
	Slots int    `json:"slots"`
	All   int    `json:"all"` // items
	Min   int    `json:"min"` // items in the emptiest slot
	Max   int    `json:"max"` // and in the fullest
}

// RlPipe is a pipe of module ratelimit.
type RlPipe struct {
	ID        int    `json:"id"`
	Algorithm string `json:"algorithm"`
	Limit     int    `json:"limit"`   // requests a second
	Counter   int    `json:"counter"` // requests in the present interval
}

// PermAddress is a row of the table address as the router uses it.
type PermAddress struct {
	Group int    `json:"grp"`
	IP    string `json:"ip_addr"` // an address or a name
	Mask  int    `json:"mask"`    // 0 for a name
	Port  int    `json:"port"`    // 0 for any
	Tag   string `json:"tag"`
}

// PermTrusted is a row of the table trusted as the router uses it.
type PermTrusted struct {
	SrcIP       string `json:"src_ip"`
	Proto       string `json:"proto"`
	FromPattern string `json:"from_pattern"`
	RURIPattern string `json:"ruri_pattern"`
	Tag         string `json:"tag"`
	Priority    int    `json:"priority"`
}
