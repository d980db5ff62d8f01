package usrloc

import (
	"encoding/json"
	"errors"
	"fmt"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// recordVersion is the form of a record. A later release reads the earlier forms.
const recordVersion = 1

// logged is a change as the journal keeps it. Of a removal the row has the ruid, the
// address and when it was.
type logged struct {
	Version int           `json:"v"`
	Delete  bool          `json:"delete,omitempty"`
	Row     store.Binding `json:"row"`
}

// record is the version as the journal keeps it.
func (v *version) record() []byte {
	if v.gone {
		return record(v.removal())
	}
	return record(store.LocationOp{Binding: v.row()})
}

func record(op store.LocationOp) []byte {
	b, err := json.Marshal(logged{recordVersion, op.Delete, op.Binding})
	if err != nil {
		panic(err) // strings, numbers, and times of this century
	}
	return b
}

// removal is the removal of the version's row, with when it was.
func (v *version) removal() store.LocationOp {
	op := remove(v.ruid())
	op.Binding.AOR, _ = aor.Parse(v.entry.aor, "") // it is canonical
	op.Binding.LastModified = v.Modified()
	return op
}

// parseRecord reads a record and returns its address; an error says why it cannot
// be used.
func parseRecord(b []byte) (address string, op store.LocationOp, err error) {
	var l logged
	if err := json.Unmarshal(b, &l); err != nil {
		return "", op, err
	}
	if l.Version != recordVersion {
		return "", op, fmt.Errorf("its form %d is not known", l.Version)
	}
	if _, ours := parseRUID(l.Row.RUID); !ours {
		return "", op, errors.New("its ruid is none of ours")
	}
	a, err := aor.Parse(l.Row.AOR.String(), "")
	if err != nil {
		return "", op, err
	}
	if !l.Delete {
		err = checkRowTexts(&l.Row)
	}
	return a.String(), store.LocationOp{Delete: l.Delete, Binding: l.Row}, err
}
