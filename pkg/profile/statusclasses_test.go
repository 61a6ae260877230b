package profile_test

import (
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

// counts says whether some term that is added up counts what has a value of a label.
func counts(terms []profile.Term, label, value string) bool {
	return slices.ContainsFunc(terms, func(t profile.Term) bool {
		w, narrowed := t.Where[label]
		if !narrowed || t.Subtract {
			return false
		}
		return (len(w.In) == 0 || slices.Contains(w.In, value)) && !slices.Contains(w.NotIn, value) &&
			(w.Regex == "" || regexp.MustCompile("^(?:"+w.Regex+")$").MatchString(value))
	})
}

// Requests split by status and the error rates say the same of every HTTP code, those that no standard names included: what is shown
// as 5xx is a failure of the server's, and 4xx the client's doing.
func TestErrorRatesCountEveryCodeOfTheirClass(t *testing.T) {
	t.Parallel()
	set, err := profile.Embedded()
	require.NoError(t, err)
	checked := 0
	for _, p := range set {
		if p.Status == nil || p.Status.Classes["5xx"] == "" {
			continue
		}
		for name, class := range map[string]string{"error_rate": "5xx", "client_error_rate": "4xx"} {
			for _, r := range p.Signals[name] {
				if r.Ratio == nil || !slices.ContainsFunc(r.Ratio.Of, func(t profile.Term) bool { _, byCode := t.Where[p.Status.Label]; return byCode }) {
					continue
				}
				for code := 400; code < 600; code++ {
					value := strconv.Itoa(code)
					in := regexp.MustCompile("^(?:" + p.Status.Classes[class] + ")$").MatchString(value)
					require.Equal(t, in, counts(r.Ratio.Of, p.Status.Label, value), "%s: %s: %s", p.ID, name, value)
					checked++
				}
			}
		}
	}
	require.Greater(t, checked, 200*2*6)
}
