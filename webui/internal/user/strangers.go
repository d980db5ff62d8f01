package user

import "time"

// Limits of strangers.
const (
	// strangerTime is when it is asked again whose an attempt is that is nobody's, and unknownTime when it could
	// not be asked.
	strangerTime = 10 * time.Second
	unknownTime  = ownerTime
	// maxStrangers bounds the memory.
	maxStrangers = 1000
)

// strangers are the attempts that are nobody's here, or of which it could not be asked
// whose they are, by their ids, with the time when that is asked again.
type strangers map[string]time.Time

func (s strangers) has(id string, now time.Time) bool {
	return now.Before(s[id])
}

// add remembers one. If there are too many all others are forgotten: they are asked
// for once more.
func (s strangers) add(id string, until time.Time) {
	if len(s) >= maxStrangers {
		clear(s)
	}
	s[id] = until
}
