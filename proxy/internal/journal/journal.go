package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Bounds of a journal's size in bytes.
const (
	MinSize     = 1 << 20
	DefaultSize = 256 << 20
)

// segmentsPerSize is how many segments fill a journal: what has been dealt with is
// deleted in parts of that size.
const segmentsPerSize = 16

// What Append can fail with beside the errors of the file system.
var (
	ErrFull     = errors.New("the journal is full")
	ErrTooLarge = errors.New("the record is too large for the journal")
)

// file is what a segment is written to.
type file interface {
	Write(b []byte) (int, error)
	Sync() error
	Truncate(size int64) error
	Seek(offset int64, whence int) (int64, error)
	Close() error
}

// segment is one file of the journal.
type segment struct {
	number uint64
	size   int64
}

// Journal is an open journal. Its methods may be called from any goroutine; appends
// wait for each other.
type Journal struct {
	folder string
	most   int64
	create func(path string) (file, error)

	mu       sync.Mutex
	segments []segment // the oldest first; with active, the last one is written to
	active   file      // nil: the next append begins a segment
	next     uint64    // number of the next segment
	record   uint64    // number of the next record
	torn     *torn     // nil: nothing is left to take back
	buf      []byte
}

// torn is a segment with a tail that was not promised and could not be taken back.
type torn struct {
	file
	size int64 // without the tail
}

// Open opens the journal in a folder, which is made if there is none. size bounds
// all its segments together, in bytes; 0 is DefaultSize.
func Open(folder string, size int64) (*Journal, error) {
	if size == 0 {
		size = DefaultSize
	}
	j := &Journal{folder: folder, most: max(size, MinSize), create: createFile, next: 1, record: 1}
	if err := os.Mkdir(folder, 0o750); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("journal: %w", err)
	}
	list, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	for _, e := range list {
		number, ok := parseName(e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		j.segments = append(j.segments, segment{number, info.Size()})
		j.next = max(j.next, number+1)
	}
	slices.SortFunc(j.segments, func(a, b segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	return j, nil
}

func createFile(path string) (file, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

const suffix = ".journal"

func (j *Journal) path(number uint64) string {
	return filepath.Join(j.folder, fmt.Sprintf("%016x%s", number, suffix))
}

func parseName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil
}

// Append writes records and returns when they are on the disk, with the number of
// their segment. On an error none of them counts: what was written of them is taken
// back, at once or before the next append. Only if the disk refuses that until the
// process ends can a replay hand out such a record, in its place before all that were
// appended later. Its author was told that it failed, and so has tried again, which
// then overrides it, or has given up.
func (j *Journal) Append(payloads [][]byte) (segment uint64, err error) {
	return j.append(payloads, j.most)
}

// AppendAgain is Append for records that say again what is in older segments, which are dropped for it. To
// make room in a full journal it may take an eighth of its bound more until then.
func (j *Journal) AppendAgain(payloads [][]byte) (segment uint64, err error) {
	return j.append(payloads, j.most+j.most/8)
}

func (j *Journal) append(payloads [][]byte, most int64) (segment uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	b, number := j.buf[:0], j.record
	for _, p := range payloads {
		if len(p) > MaxRecord {
			return 0, ErrTooLarge
		}
		b = appendRecord(b, number, p)
		number++
	}
	if j.buf = b; cap(b) > MinSize {
		j.buf = nil
	}
	if j.total()+int64(len(b)) > most {
		return 0, ErrFull
	}
	j.takeBack()
	if err := j.ready(int64(len(b))); err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	// A number is used once, even in vain: of two records with the same one a replay
	// would take the later for a copy.
	j.record = number
	last := &j.segments[len(j.segments)-1]
	_, err = j.active.Write(b)
	refused := err != nil
	if !refused {
		err = j.active.Sync()
	}
	if err != nil {
		j.undo(refused)
		return 0, fmt.Errorf("journal: %w", err)
	}
	last.size += int64(len(b))
	return last.number, nil
}

// ready makes the active segment one that n more bytes belong to.
func (j *Journal) ready(n int64) error {
	if j.active != nil && j.segments[len(j.segments)-1].size+n > j.most/segmentsPerSize {
		j.rotate()
	}
	if j.active != nil {
		return nil
	}
	f, err := j.create(j.path(j.next))
	if err != nil {
		return err
	}
	if err := syncFolder(j.folder); err != nil {
		return errors.Join(err, f.Close(), os.Remove(j.path(j.next)))
	}
	j.active = f
	j.segments = append(j.segments, segment{number: j.next})
	j.next++
	return nil
}

// rotate ends the active segment. All of it is on the disk.
func (j *Journal) rotate() {
	_ = j.active.Close()
	j.active = nil
}

// undo takes back what a failed append may have written. A disk that refused the write, as
// a full one does, goes on with the segment. One that took it and could not keep it leaves
// the segment: what it has of that is not known. If nothing of it was ever promised it goes,
// or a disk that fails for hours would be full of empty files.
func (j *Journal) undo(refused bool) {
	last := j.segments[len(j.segments)-1]
	if refused && cut(j.active, last.size) == nil {
		return
	}
	if last.size == 0 && os.Remove(j.path(last.number)) == nil && syncFolder(j.folder) == nil {
		_ = j.active.Close() // nothing of it is there
		j.active, j.segments = nil, j.segments[:len(j.segments)-1]
		return
	}
	if j.torn != nil {
		_ = j.torn.Close() // the disk has refused twice
	}
	j.torn, j.active = &torn{j.active, last.size}, nil
	j.takeBack()
}

// takeBack cuts off the tail of a failed append, if the disk lets it.
func (j *Journal) takeBack() {
	if j.torn == nil || cut(j.torn, j.torn.size) != nil {
		return
	}
	_ = j.torn.Close() // all of it is on the disk
	j.torn = nil
}

// cut makes a file end, and go on, at a size.
func cut(f file, size int64) error {
	if err := f.Truncate(size); err != nil {
		return err
	}
	if _, err := f.Seek(size, io.SeekStart); err != nil {
		return err
	}
	return f.Sync()
}

func (j *Journal) total() int64 {
	n := int64(0)
	for _, s := range j.segments {
		n += s.size
	}
	return n
}

// Most is the bound of Size, in bytes.
func (j *Journal) Most() int64 { return j.most }

// Size is the size of all segments in bytes.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.total()
}

// Drop deletes every segment below number; the others stay. Dropping below
// ^uint64(0) empties the journal.
func (j *Journal) Drop(number uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.segments) > 0 && j.segments[0].number < number {
		if len(j.segments) == 1 && j.active != nil {
			j.rotate()
		}
		if err := os.Remove(j.path(j.segments[0].number)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("journal: %w", err)
		}
		j.segments = j.segments[1:]
	}
	return nil
}

// Close closes the file that is open. The journal is not used again.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.takeBack()
	var err error
	if j.torn != nil {
		err = j.torn.Close()
	}
	if j.active != nil {
		err = errors.Join(err, j.active.Close())
	}
	j.torn, j.active = nil, nil
	return err
}

// syncFolder makes the names in a folder last.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
