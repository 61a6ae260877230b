package rules

import (
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func FuzzOptions(f *testing.F) {
	for _, text := range []string{
		"folder=On-call&interval=30s&window=2m&for=0s&period=7d&responseTime=1s&cacheHitRatio=60%25&coldLoadRate=0.2&evictions=5&queueSize=100&startingFor=20m&gpuMemory=98%25&minimumRequests=3",
		"", "interval=15s", "window=99999999999999y", "cacheHitRatio=NaN", "gpuMemory=1e-400", "evictions=0x1p-2", "folder=%00", "folder=a%0Ab", "folder=%7B%7B+x+%7D%7D", "folder='%3A+%23", "folder=%ff", "format=grafana&profiles=triton", "queueSize=1e9",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		given, err := url.ParseQuery(text)
		if err != nil {
			return // net/http answers such a request
		}
		o := defaults()
		if err := o.Read(given); err != nil {
			name, _, named := strings.Cut(err.Error(), " is ")
			require.True(t, named)
			require.Contains(t, Parameters(), name, "the parameter is named: %s", err)
			require.NotContains(t, Unknown(given), name)
			return
		}
		for _, share := range []float64{o.CacheHitRatio, o.ColdLoadRate, o.GPUMemory} {
			require.True(t, share > 0 && share < 1, share)
		}
		for _, number := range []float64{o.Evictions, o.QueueSize, o.MinimumRequests} {
			require.True(t, number > 0 && number <= 1e9, number)
		}
		require.True(t, o.Interval > 0 && o.Interval%baseInterval == 0 && o.Window >= 4*time.Second && o.Period >= time.Hour && o.ResponseTime > 0 && o.StartingFor >= 0)
		require.True(t, utf8.ValidString(o.Folder), "it is written into a file: %q", o.Folder)
		again := defaults()
		require.NoError(t, again.Read(given))
		require.Equal(t, o, again)
	})
}

// FuzzFolder writes rules into a folder of any name, the only option that is text. It is slow, so that the options have a target
// of their own.
func FuzzFolder(f *testing.F) {
	for _, name := range []string{"On-call", "{{ x }}", "': #", "|", "null", "1e3", "- a", "\u0085", "ü", "@", "0$000", "$$5", strings.Repeat("x", maxFolderCharacters)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		o := defaults()
		if o.Read(url.Values{"folder": {name}}) != nil {
			return
		}
		written, err := Grafana(o)
		require.NoError(t, err)
		var file struct {
			Groups []struct {
				Folder string
				Rules  []struct{ Title string }
			}
		}
		require.NoError(t, yaml.Unmarshal(written, &file))
		require.NotEmpty(t, file.Groups)
		for _, group := range file.Groups {
			// Grafana reads $$ as a dollar sign, and $x as a variable.
			require.Equal(t, o.Folder, strings.ReplaceAll(group.Folder, "$$", "$"), "what was asked for is what is written")
			require.NotEmpty(t, group.Rules)
		}
	})
}
