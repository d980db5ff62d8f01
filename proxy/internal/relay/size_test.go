package relay

import (
	"testing"
	"unsafe"
)

// TestRecordsFitTheirBlocks: sixteen records are asked of the collector at once (txn.Pool). As many
// calls of 1,536 bytes are a size class of the allocator (24,576), and so are branches of 512
// (8,192). A call that has one byte more costs the next class, 27,264: 11 % of the memory of
// every call, and of the time to make it zero.
func TestRecordsFitTheirBlocks(t *testing.T) {
	for name, x := range map[string]struct{ size, most uintptr }{
		"Call":   {unsafe.Sizeof(Call{}), 1536},
		"Branch": {unsafe.Sizeof(Branch{}), 512},
	} {
		if x.size > x.most {
			t.Errorf("%s has %d bytes, more than %d", name, x.size, x.most)
		}
	}
}
