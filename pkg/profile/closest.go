package profile

import "strings"

// maxCompared is how long words are at most that are compared: it takes the product of their lengths.
const maxCompared = 200

// closest is the candidate that a misspelt word most likely means; empty if none is similar. Of equally similar ones it is the
// first. The first word of a candidate of several words stands for it.
func closest(word string, candidates []string) string {
	best, distance := "", len(word)/3+1
	if len(word) > maxCompared {
		return ""
	}
	for _, c := range candidates {
		if len(c) > maxCompared {
			continue
		}
		d := editDistance(word, c)
		if start, _, several := strings.Cut(c, "_"); several {
			d = min(d, editDistance(word, start)+1) // identity for identity_metric
		}
		if d > 0 && d <= distance && d < max(len(word), len(c)) {
			if best == "" || d < distance {
				best, distance = c, d
			}
		}
	}
	return best
}

// editDistance is how many letters have to be added, removed or replaced to make one word of another.
func editDistance(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range to {
			cost := diagonal
			if x != y {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}

// didYouMean ends an error about an unknown word with the one that was meant, as a sentence; empty if none is similar.
func didYouMean(word string, candidates []string) string {
	if meant := closest(word, candidates); meant != "" {
		return ". Did you mean " + meant + "?"
	}
	return ""
}
