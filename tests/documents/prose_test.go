package documents

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// usage is how often the documentation uses some words, and the range that it has to stay within, per 10,000 words. The
// ranges are those of the documentation of well-known plugins and servers.
type usage struct {
	name    string
	pattern *regexp.Regexp
	min     float64
	max     float64
}

var usages = []usage{
	{name: "tell, told", pattern: regexp.MustCompile(`(?i)\b(tells?|told|telling)\b`), max: 1.5},
	{name: "ask, asked", pattern: regexp.MustCompile(`(?i)\b(asks?|asked|asking)\b`), max: 0.5},
	{name: "you, your", pattern: regexp.MustCompile(`(?i)\b(you|yours?|yourself)\b`), min: 36, max: 134},
	{name: "semicolons", pattern: regexp.MustCompile(`;`), max: 18},
}

var (
	words = regexp.MustCompile(`[\pL][\pL'’-]*`)
	// notProse is fenced code, code spans, comments and the targets of links.
	notProse = regexp.MustCompile("(?s)```.*?```|`[^`]*`|<!--.*?-->|\\]\\([^)]*\\)")
)

// prose is the text of a Markdown document that people read as sentences.
func prose(markdown string) string { return notProse.ReplaceAllString(markdown, " X ") }

// perTenThousand is how often each usage occurs in texts, per 10,000 of their words.
func perTenThousand(texts []string) []float64 {
	total, found := 0, make([]int, len(usages))
	for _, text := range texts {
		text = prose(text)
		total += len(words.FindAllString(text, -1))
		for i, u := range usages {
			found[i] += len(u.pattern.FindAllString(text, -1))
		}
	}
	rates := make([]float64, len(usages))
	for i := range usages {
		rates[i] = float64(found[i]) * 10_000 / float64(max(total, 1))
	}
	return rates
}

// The README and docs/ are written for their readers: run with -v to see the numbers of each file.
func TestDocumentationIsWrittenForItsReaders(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var texts []string
	for _, path := range append([]string{filepath.Join("..", "..", "README.md")}, files...) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		texts = append(texts, string(text))
		rates := perTenThousand(texts[len(texts)-1:])
		t.Logf("%-22s tell %5.1f, ask %5.1f, you %5.1f, semicolons %5.1f", filepath.Base(path), rates[0], rates[1], rates[2], rates[3])
	}
	for i, rate := range perTenThousand(texts) {
		u := usages[i]
		t.Logf("%s: %.1f in 10,000 words, of %.1f to %.1f", u.name, rate, u.min, u.max)
		if rate < u.min || rate > u.max {
			t.Errorf("README.md and docs/ use %s %.1f times in 10,000 words; the range is %.1f to %.1f", u.name, rate, u.min, u.max)
		}
	}
}

func TestProseLeavesCodeOut(t *testing.T) {
	text := "You run `ask; tell` here; see [this](https://x/ask).\n```sh\nask; tell\n```\n"
	require.Equal(t, "You run  X  here; see [this X .\n X \n", prose(text))
	rates := perTenThousand([]string{text})
	// You, run, X, here, see, this, X, X.
	require.Equal(t, []float64{0, 0, 1250, 1250}, rates)
}
