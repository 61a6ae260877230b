package suite

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

const projectRoot = "../.."

// No fuzz target is forgotten: git's search finds the same ones as the nightly run.
func TestEveryFuzzTargetIsFound(t *testing.T) {
	targets, err := fuzzTargets(projectRoot)
	require.NoError(t, err)
	var found []string
	for _, target := range targets {
		found = append(found, target.folder+" "+target.name)
	}
	search := exec.CommandContext(t.Context(), "git", "grep", "--untracked", "-hoE", `^func Fuzz\w+\(\w+ \*testing\.F\)`, "--", "*_test.go")
	search.Dir = projectRoot
	lines, err := search.Output()
	require.NoError(t, err)
	require.Len(t, found, strings.Count(string(lines), "\n"))
	for _, target := range []string{
		"cmd/nvml FuzzAddresses", "cmd/recorder FuzzConfiguration", "pkg/attribution FuzzMetricsPage", "pkg/attribution FuzzModelConfiguration", "pkg/attribution FuzzPodOfLogFolder",
		"pkg/attribution FuzzRules", "pkg/management FuzzOpenInferenceAnswers", "pkg/management FuzzRayServeAnswers", "pkg/management FuzzTorchServeAnswers",
		"pkg/management FuzzTritonAnswers", "pkg/plugin FuzzQuery", "pkg/plugin FuzzResourceParameters", "pkg/profile FuzzParse", "pkg/recordingrule FuzzOptions",
		"pkg/remote FuzzDecodeQuery", "pkg/rules FuzzOptions", "pkg/settings FuzzDecode", "pkg/target FuzzPage",
	} {
		require.Contains(t, found, target, "every decoder of what comes from outside has one")
	}
	require.True(t, slices.IsSorted(found))
}

func TestPartsOfTheTargetsAreAllOfThem(t *testing.T) {
	targets, err := fuzzTargets(projectRoot)
	require.NoError(t, err)
	var together []fuzzTarget
	for _, part := range []string{"1/3", "2/3", "3/3"} {
		selected, err := selectPart(targets, part)
		require.NoError(t, err)
		require.Greater(t, len(selected), len(targets)/3-1)
		together = append(together, selected...)
	}
	require.ElementsMatch(t, targets, together)
	all, err := selectPart(targets, "")
	require.NoError(t, err)
	require.Equal(t, targets, all)
	for _, part := range []string{"0/3", "4/3", "1", "a/b", "1/0"} {
		_, err := selectPart(targets, part)
		require.ErrorContains(t, err, "write it as 1/3")
	}
}

func TestFuzzFunctionsAreThoseOfTheLanguage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x_test.go")
	require.NoError(t, os.WriteFile(path, []byte("package x\n\nimport \"testing\"\n\nfunc FuzzA(f *testing.F) {}\nfunc FuzzB(t *testing.T) {}\nfunc Fuzz() {}\nfunc (x) FuzzC(f *testing.F) {}\n// func FuzzD(f *testing.F) {}\n"), 0o600))
	names, err := fuzzFunctions(path)
	require.NoError(t, err)
	require.Equal(t, []string{"FuzzA"}, names)
}

// A target that fails fails the run, its input is kept, and the corpus is where the next run finds it.
func TestFuzzingKeepsWhatItFinds(t *testing.T) {
	root, cache := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		// The search for targets must not take this text for a target.
		text = strings.ReplaceAll(text, "FUNC ", "func ")
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	write("go.mod", "module example\n\ngo 1.26\n")
	write("x_test.go", `package example

import "testing"

FUNC FuzzGood(f *testing.F) {
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1 && text[0] == 'x' && text[1] == 'y' {
			t.Log("reached")
		}
	})
}

FUNC FuzzBad(f *testing.F) {
	f.Add("seed")
	f.Fuzz(func(t *testing.T, text string) {
		if text != "seed" {
			t.Fatal("found")
		}
	})
}
`)
	s := &suite{root: root, cache: cache, logs: t.TempDir(), out: progress.NewPrinter(t.Output())}
	targets, err := fuzzTargets(root)
	require.NoError(t, err)
	require.Equal(t, []fuzzTarget{{".", "FuzzBad"}, {".", "FuzzGood"}}, targets)
	counts, err := s.fuzz(targets[1], time.Second)(t.Context())
	require.NoError(t, err)
	require.Equal(t, tally{passed: 1}, counts)
	kept, err := filepath.Glob(filepath.Join(cache, "fuzz", "FuzzGood", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, kept)
	_, err = s.fuzz(targets[0], time.Minute)(t.Context())
	require.ErrorContains(t, err, "found")
	failing, err := filepath.Glob(filepath.Join(root, "testdata", "fuzz", "FuzzBad", "*"))
	require.NoError(t, err)
	require.Len(t, failing, 1)
	require.Regexp(t, regexp.MustCompile(`FuzzBad/[0-9a-f]+$`), filepath.ToSlash(failing[0]))
}
