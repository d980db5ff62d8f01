package module

// maxWord is the longest word that Nearest compares with others, in bytes; no name is so
// long.
const maxWord = 64

// Nearest returns the candidate that is most like word, "" if none is close: at most a
// third of its letters and one more may differ. Nothing is close to a word that is
// longer than any name.
func Nearest(word string, candidates []string) string {
	if len(word) > maxWord {
		return ""
	}
	best, limit := "", len(word)/3+2
	for _, c := range candidates {
		if len(c) > maxWord {
			continue
		}
		if d := distance(word, c); d < limit {
			best, limit = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that make b of a (optimal string alignment).
func distance(a, b string) int {
	var rows [3][maxWord + 1]int
	before, last, now := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		now[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, now = last, now, before
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
	}
	return now[len(b)]
}
