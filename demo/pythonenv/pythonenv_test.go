package pythonenv

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

func TestAnEnvironmentIsMadeOnce(t *testing.T) {
	finished := 0
	broken := errors.New("not to be finished")
	spec := Spec{
		Name: "empty", Cache: t.TempDir(), Python: "python3", Requirements: []byte("# nothing\n"), Out: progress.NewPrinter(t.Output()),
		Finish: func(_ context.Context, environment *Environment) error {
			require.FileExists(t, filepath.Join(environment.Bin, "python"))
			require.DirExists(t, environment.SitePackages)
			if finished++; finished == 1 {
				return broken
			}
			return nil
		},
	}
	_, err := Make(t.Context(), spec)
	require.ErrorIs(t, err, broken)
	first, err := Make(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, 2, finished, "what was not finished is made again")
	second, err := Make(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, 2, finished)
	require.Equal(t, first, second)
}

func TestWithoutAPython(t *testing.T) {
	_, err := Make(t.Context(), Spec{Name: "none", Cache: t.TempDir(), Python: filepath.Join(t.TempDir(), "python"), Out: progress.NewPrinter(t.Output())})
	require.ErrorContains(t, err, "read the version of ")
}
