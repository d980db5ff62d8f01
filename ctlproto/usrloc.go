package ctlproto

// TableLocation is the only table (Kamailio: "domain") of the user location.
const TableLocation = "location"

// Texts of ul.* errors, Kamailio's word for word, because tools compare them.
const (
	TextAoRNotFound     = "AOR not found in location table"
	TextContactNotFound = "Contact not found"
	TextTableNotFound   = "Domain table not found"
)

// UlDump is the result of ul.dump. The doubled members are Kamailio's shape.
type UlDump struct {
	Domains []UlTableItem `json:"Domains"`
}

// UlTableItem is one element of UlDump.Domains.
type UlTableItem struct {
	Domain UlTable `json:"Domain"`
}

// UlTable is one table with all its addresses.
type UlTable struct {
	Domain string      `json:"Domain"` // the table's name, "location"
	Size   int         `json:"Size"`   // slots (shards) of the table
	AoRs   []UlAoRItem `json:"AoRs"`
	Stats  UlStats     `json:"Stats"`
}

// UlAoRItem is one element of UlTable.AoRs.
type UlAoRItem struct {
	Info UlAoR `json:"Info"`
}

// UlAoR is an address of record with its bindings; alone, it is the result of
// ul.lookup (then without HashID).
type UlAoR struct {
	AoR      string          `json:"AoR"`
	HashID   *uint32         `json:"HashID,omitempty"`
	Contacts []UlContactItem `json:"Contacts"`
}

// UlContactItem is one element of UlAoR.Contacts.
type UlContactItem struct {
	Contact Contact `json:"Contact"`
}

// UlStats counts a table: addresses with a binding, and the fullest slot.
type UlStats struct {
	Records  int `json:"Records"`
	MaxSlots int `json:"Max-Slots"`
}

// UlBrief is the result of ul.dump brief.
type UlBrief struct {
	Domains []UlBriefTableItem `json:"Domains"`
}

// UlBriefTableItem is one element of UlBrief.Domains.
type UlBriefTableItem struct {
	Domain UlBriefTable `json:"Domain"`
}

// UlBriefTable is one table with the names of its addresses only.
type UlBriefTable struct {
	Domain string       `json:"Domain"`
	Size   int          `json:"Size"`
	AoRs   []UlBriefAoR `json:"AoRs"`
	Stats  UlStats      `json:"Stats"`
}

// UlBriefAoR is one element of UlBriefTable.AoRs.
type UlBriefAoR struct {
	AoR string `json:"AoR"`
}

// UlAddParams are the parameters of ul.add, in Kamailio's order. By order,
// Path "." and "0" mean none.
type UlAddParams struct {
	Table    string  `json:"table"` // "" = location
	AoR      string  `json:"aor"`
	Contact  string  `json:"contact"`            // a URI without < >
	Expires  int64   `json:"expires"`            // seconds from now; 0 = permanent
	Q        float64 `json:"q"`                  // 0 … 1
	Path     string  `json:"path,omitempty"`     // a Path header's value (RFC 3327)
	Flags    uint32  `json:"flags,omitempty"`    // script flags
	CFlags   uint32  `json:"cflags,omitempty"`   // branch flags
	Methods  uint32  `json:"methods,omitempty"`  // bit mask; 0 = all
	Received string  `json:"received,omitempty"` // source URI, if it is not the contact's
	Socket   string  `json:"socket,omitempty"`   // local socket, "udp:ip:port"
}
