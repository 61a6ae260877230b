package stack

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachChangeTakesEffectInItsOwnWay(t *testing.T) {
	files := map[string][]string{}
	for _, action := range actionsFor([]string{
		"dashboards/fleet.go", "dashboards/fleet.json", "dashboards/style_test.go", "go.mod", "pkg/main.go", "pkg/main_test.go",
		"pkg/profile/vllm.yaml", "pkg/remote/testdata/a.json", "plugin.json",
	}) {
		files[action.name] = action.files
	}
	require.Equal(t, map[string][]string{
		"build of the backend":         {"go.mod", "pkg/main.go", "pkg/profile/vllm.yaml"},
		"restart of Grafana":           {"plugin.json"},
		"generation of the dashboards": {"dashboards/fleet.go"},
		"reload of the dashboards":     {"dashboards/fleet.json"},
	}, files)
	require.Empty(t, actionsFor([]string{"pkg/main_test.go"}))
}

func TestTheFirstProblemIsAPlaceInAFile(t *testing.T) {
	require.Equal(t, "pkg/main.go:3:1: syntax error (and 1 more)",
		firstProblem(errors.New("mage ended with exit status 1\nthe end of log:\n# pkg\npkg/main.go:3:1: syntax error\npkg/a.go:4: x\nError: failed")))
	require.Equal(t, "no space left", firstProblem(errors.New("no space left\nmore")))
}

func TestTheBundleLogBecomesOneLineForEachBuild(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log := newBundleLog(path)
	require.Contains(t, log.news()[0], "no such file")
	add := func(text string) {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = file.WriteString(text)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	add("asset module.js 1 MiB\nwebpack 5.109.2 compiled \x1b[32msuccess")
	require.Empty(t, log.news(), "the line is not complete")
	add("fully\x1b[39m in 900 ms\nNo errors found.\n")
	require.Equal(t, []string{"src: built in 900 ms; reload the page"}, log.news())
	require.Empty(t, log.news())
	add("ERROR in ./module.ts\nERROR in ./other.ts\nwebpack 5.109.2 compiled with 2 errors in 30 ms\n")
	require.Equal(t, []string{"src: build failed with 2 errors: ./module.ts"}, log.news())
	add("ERROR in src/module.ts:1:7\nTS2322: Type\nFound 1 error in 500 ms.\n")
	require.Equal(t, []string{"src: type check found 1 error: src/module.ts:1:7"}, log.news())
}
