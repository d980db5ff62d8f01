package journal

import (
	"fmt"
	"os"
)

// Report says what a replay found.
type Report struct {
	Records int
	Cut     int64    // bytes that a crash left at the end and that are gone now
	Skipped int64    // bytes within, or at the end of older segments, that are part of no record
	Damaged []string // the files where that was
}

// Replay calls fn for each record in the order in which they were appended, with the
// number of its segment, until fn returns an error, which it hands back. It is called
// once, before the first Append. payload is fn's to keep.
func (j *Journal) Replay(fn func(segment uint64, payload []byte) error) (Report, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var r Report
	for i := range j.segments {
		if err := j.replaySegment(&j.segments[i], i == len(j.segments)-1, &r, fn); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (j *Journal) replaySegment(s *segment, last bool, r *Report, fn func(uint64, []byte) error) error {
	path := j.path(s.number)
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	good, skipped, err := scan(b, func(number uint64, payload []byte) error {
		if number < j.record {
			return nil // a copy of an older one: numbers only rise
		}
		j.record = number + 1
		r.Records++
		return fn(s.number, payload)
	})
	if err != nil {
		return err
	}
	torn := len(b) - good
	if torn > 0 && last {
		r.Cut += int64(torn)
		if err := os.Truncate(path, int64(good)); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		s.size = int64(good)
	} else {
		skipped += torn
	}
	if skipped > 0 {
		r.Skipped += int64(skipped)
		r.Damaged = append(r.Damaged, path)
	}
	return nil
}
