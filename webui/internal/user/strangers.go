package user

import "time"

// Limits of strangers.
const (
	// strangerTime is when it is asked again whose an attempt is.
	strangerTime = 10 * time.Second
	// maxStrangers bounds the memory.
	maxStrangers = 1000
)

// strangers are the attempts that are nobody's here, or of which it could not be asked
// whose they are, by their ids, with the time of the question.
type strangers map[string]time.Time

func (s strangers) has(id string, now time.Time) bool {
	asked, ok := s[id]
	return ok && now.Sub(asked) < strangerTime
}

// add remembers one. If there are too many all others are forgotten: they are asked
// for once more.
func (s strangers) add(id string, now time.Time) {
	if len(s) >= maxStrangers {
		clear(s)
	}
	s[id] = now
}
