package acc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"seraph/proxy/internal/journal"
)

// keptVersion is the form of the rows in the journal: another one is to be counted up to
// where appendRow changes.
const keptVersion = 1

// errForm says that a row in the journal is none, or one of another release.
var errForm = errors.New("its form is not known")

// keep writes the rows that the database has not taken to the journal at the end of the
// program; the next start reads them. False if that is not possible.
func (m *Module) keep() (bool, error) {
	if m.cfg.Journal == "" {
		return false, nil
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	packed, rows := m.queue.take()
	defer func() { m.queue.restore(packed, rows) }()
	payloads := make([][]byte, 0, rows)
	for rest := packed; len(rest) > 0; {
		_, next := unpack(rest)
		payloads = append(payloads, append([]byte{keptVersion}, rest[:len(rest)-len(next)]...))
		rest = next
	}
	j, err := journal.Open(m.cfg.Journal, 0)
	if err != nil {
		return false, err
	}
	segment, err := j.Append(payloads)
	if err == nil {
		err = j.Drop(segment) // what the start before has read is among them
	}
	return err == nil, errors.Join(err, j.Close())
}

// readKept puts the rows that the last process has kept in front of those of this one.
func (m *Module) readKept() {
	if m.cfg.Journal == "" {
		return
	}
	var packed []byte
	rows := 0
	j, err := journal.Open(m.cfg.Journal, 0)
	if err == nil {
		_, err = j.Replay(func(_ uint64, payload []byte) error {
			row, err := keptRow(payload)
			if err != nil {
				m.lost.Add(1)
				m.cfg.Log.Error("acc: a row that was kept cannot be used", "error", err)
				return nil
			}
			packed, rows = append(packed, row...), rows+1
			return nil
		})
		err = errors.Join(err, j.Close())
	}
	if err != nil {
		m.cfg.Log.Error("acc: the rows that were kept cannot be read", "error", err)
	}
	if rows == 0 {
		return
	}
	m.writing.Lock()
	m.queue.restore(packed, rows)
	m.again, m.kept = true, true
	m.writing.Unlock()
	m.cfg.Log.Info("acc: rows that the database did not take before the last end", "rows", rows)
}

// forgetKept empties the journal once the database has all of it.
func (m *Module) forgetKept(ctx context.Context) {
	if !m.kept || m.queue.len() > 0 || ctx.Err() != nil {
		return
	}
	j, err := journal.Open(m.cfg.Journal, 0)
	if err == nil {
		err = errors.Join(j.Drop(^uint64(0)), j.Close())
	}
	if err != nil {
		m.cfg.Log.Error("acc: the rows that were kept stay", "error", err)
		return
	}
	m.kept = false
}

// keptRow reads a record of the journal: a packed row, whole.
func keptRow(payload []byte) ([]byte, error) {
	if len(payload) == 0 || payload[0] != keptVersion {
		return nil, errForm
	}
	row := payload[1:]
	if len(row) < rowNumbers {
		return nil, errForm
	}
	rest := row[rowNumbers:]
	for i := range rowTexts {
		if len(rest) < 2 || len(rest) < 2+int(binary.LittleEndian.Uint16(rest)) {
			return nil, fmt.Errorf("%w: text %d is cut off", errForm, i)
		}
		rest = rest[2+int(binary.LittleEndian.Uint16(rest)):]
	}
	if len(rest) > 0 {
		return nil, errForm
	}
	return row, nil
}
