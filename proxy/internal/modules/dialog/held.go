package dialog

import "unsafe"

// texts is what a record takes beside itself, in bytes: a Call-ID, two addresses with their
// tags and contacts, and a route or two.
const texts = 1024

// Held is what the table's records hold, in bytes.
func (m *Module) Held() int64 {
	return m.table.used.Load()*int64(unsafe.Sizeof(dialog{})+texts) + m.table.legs.Load()
}
