package signal

import "strings"

// Closest is the name that is most like a misspelt one, and whether any is like it: at most every third character differs.
func Closest(misspelt string, names []string) (name string, found bool) {
	best := len(misspelt)/3 + 1
	for _, candidate := range names {
		if d := editDistance(strings.ToLower(misspelt), candidate); d < best {
			name, best, found = candidate, d, true
		}
	}
	return name, found
}

// editDistance is how many characters have to be inserted, removed or replaced to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
