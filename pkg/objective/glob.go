package objective

import (
	"regexp"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// glob matches whole texts. The zero glob matches every text.
type glob struct{ matcher *labels.FastRegexMatcher }

var wildcards = strings.NewReplacer(`\*`, `.*`, `\?`, `.`)

// newGlob reads a pattern in which * is any number of characters and ? is one.
func newGlob(pattern string) (glob, error) {
	if pattern == "" {
		return glob{}, nil
	}
	matcher, err := labels.NewFastRegexMatcher(wildcards.Replace(regexp.QuoteMeta(pattern)))
	return glob{matcher}, err
}

func (g glob) matches(text string) bool {
	return g.matcher == nil || g.matcher.MatchString(text)
}
