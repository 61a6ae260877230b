package target

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

var lineNumber = regexp.MustCompile(`line (\d+)`)

// seedBytes bounds a seed: the fuzzer needs small ones.
const seedBytes = 20 << 10

// captures are the pages of real servers, cut at a line.
func captures(f *testing.F) []string {
	f.Helper()
	files, err := filepath.Glob("../../tests/captures/testdata/*/*")
	require.NoError(f, err)
	var pages []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a folder
		}
		if len(text) > seedBytes {
			text = text[:strings.LastIndexByte(string(text[:seedBytes]), '\n')+1]
		}
		pages = append(pages, string(text))
	}
	require.NotEmpty(f, pages)
	return pages
}

func FuzzPage(f *testing.F) {
	for _, page := range captures(f) {
		f.Add(page, "text/plain; version=0.0.4")
	}
	for _, contentType := range []string{"", "text/plain", "application/openmetrics-text; version=1.0.0", "application/vnd.google.protobuf", "text/html", "a/b; c=", "\x00"} {
		for _, page := range []string{"", "\n", "a 1\n", "a{b=\"c\"} 1 2\n# EOF\n", "<html>", "[1]", "{}", "a 1\nb{", "# TYPE a counter\na_total 1 # {x=\"y\"} 1\n# EOF\n", "a{b=\"\xff\"} 1\n"} {
			f.Add(page, contentType)
		}
	}
	limits := settings.ScrapeLimits{BodyBytes: 1 << 20, Samples: 50, Labels: 12, LabelNameLength: 30, LabelValueLength: 100}
	subject := Subject{URL: &url.URL{Scheme: "http", Host: "server:8000", Path: "/metrics", User: url.UserPassword("u", "s3cr3t-key")}}
	f.Fuzz(func(t *testing.T, body, contentType string) {
		answer := Response{Body: []byte(body), ContentType: contentType}
		page, reason := subject.parse(answer, limits, 2)
		require.Equal(t, body, string(answer.Body), "the page is not changed")
		if reason != nil {
			require.NotEmpty(t, reason.Problem)
			require.Contains(t, reason.Sentence, "server:8000")
			require.True(t, strings.HasSuffix(reason.Sentence, "."), reason.Sentence)
			require.NotContains(t, reason.Sentence, "s3cr3t-key")
			require.Less(t, len(reason.Sentence), 1000)
			if found := lineNumber.FindStringSubmatch(reason.Sentence); found != nil && (reason.Problem == Garbled || reason.Problem == HalfWritten) {
				line, err := strconv.Atoi(found[1])
				require.NoError(t, err)
				require.True(t, line >= 1 && line <= strings.Count(body, "\n")+1, reason.Sentence)
			}
			return
		}
		require.True(t, page.Samples > 0 && page.Samples <= limits.Samples)
		require.LessOrEqual(t, page.Samples, len(body))
		require.True(t, len(page.Metrics) > 0 && len(page.Metrics) <= page.Samples)
		series, _ := page.Contents()
		require.Equal(t, slices.Sorted(maps.Keys(page.Metrics)), slices.Sorted(maps.Keys(series)))
		for _, labels := range series {
			for name, values := range labels {
				all := page.Values(name)
				require.NotContains(t, all, "")
				for _, value := range values {
					require.Contains(t, all, value)
				}
			}
		}
		again, reason := subject.parse(answer, limits, 2)
		require.Nil(t, reason)
		require.Equal(t, page, again)
	})
}
