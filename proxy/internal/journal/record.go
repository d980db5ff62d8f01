package journal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// MaxRecord is the longest record in bytes.
const MaxRecord = 1 << 16

// marker begins a record. Its bytes 0xff and 0xfe stand in no UTF-8 text, so nothing
// that a stranger has had written down can look like the beginning of a record.
const marker = "\xff\xfeSRJ\xff\x01\xfe"

// A record is the marker, the length of its payload (4 bytes), its number (8), the
// checksum of both and of the payload (4), all big endian, and the payload.
const (
	lengthAt = len(marker)
	numberAt = lengthAt + 4
	sumAt    = numberAt + 8
	headSize = sumAt + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends a record to dst.
func appendRecord(dst []byte, number uint64, payload []byte) []byte {
	start := len(dst)
	dst = append(dst, marker...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.BigEndian.AppendUint64(dst, number)
	dst = binary.BigEndian.AppendUint32(dst, sum(dst[start+lengthAt:], payload))
	return append(dst, payload...)
}

func sum(head, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, payload)
}

// parseRecord reads the record that b begins with; false if that is none, or not
// whole.
func parseRecord(b []byte) (number uint64, payload []byte, size int, ok bool) {
	if len(b) < headSize || string(b[:len(marker)]) != marker {
		return 0, nil, 0, false
	}
	n := int(binary.BigEndian.Uint32(b[lengthAt:]))
	if n > MaxRecord || len(b) < headSize+n {
		return 0, nil, 0, false
	}
	payload = b[headSize : headSize+n : headSize+n]
	if sum(b[lengthAt:sumAt], payload) != binary.BigEndian.Uint32(b[sumAt:]) {
		return 0, nil, 0, false
	}
	return binary.BigEndian.Uint64(b[numberAt:]), payload, headSize + n, true
}

// scan calls fn for each record in b. good is where the last whole record ends, and
// skipped counts the bytes before it that are part of none.
func scan(b []byte, fn func(number uint64, payload []byte) error) (good, skipped int, err error) {
	for at := 0; at < len(b); {
		number, payload, size, ok := parseRecord(b[at:])
		if !ok {
			next := bytes.Index(b[at+1:], []byte(marker))
			if next < 0 {
				break
			}
			at += 1 + next
			continue
		}
		if err := fn(number, payload); err != nil {
			return good, skipped, err
		}
		skipped += at - good
		at += size
		good = at
	}
	return good, skipped, nil
}
