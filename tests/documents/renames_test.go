package documents

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// rename is a name or text that was renamed. Old is matched against paths and lines, Files against paths.
type rename struct {
	Old, New, Example, Files string
	old, files               *regexp.Regexp
}

const renamesPath = "renames.yml"

func renames(t *testing.T) []rename {
	t.Helper()
	text, err := os.ReadFile(renamesPath)
	require.NoError(t, err)
	var all []rename
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&all))
	for i := range all {
		all[i].old, err = regexp.Compile("(?m)" + all[i].Old)
		require.NoError(t, err)
		all[i].files, err = regexp.Compile(all[i].Files)
		require.NoError(t, err, all[i].Files)
	}
	return all
}

// left lists where a renamed thing is still called by its old name, as path:line: text.
func (r rename) left(path, text string) []string {
	if !r.files.MatchString(path) {
		return nil
	}
	var found []string
	if r.old.MatchString(path) {
		found = append(found, path)
	}
	for _, at := range r.old.FindAllStringIndex(text, -1) {
		line, _, _ := strings.Cut(text[strings.LastIndex(text[:at[0]], "\n")+1:], "\n")
		found = append(found, fmt.Sprintf("%s:%d: %.120s", path, strings.Count(text[:at[0]], "\n")+1, strings.TrimSpace(line)))
	}
	return found
}

var (
	// searched are the folders and files with names that users and developers see.
	searched = []string{
		"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Magefile.go", "docker-compose.yaml",
		"cmd", "dashboards", "demo", "deploy", "docs", "pkg", "provisioning", "src", "tests",
	}
	// notSearched are folders with what is not the project's own text, and the list itself.
	notSearched = []string{"node_modules", "tests/captures/testdata", "tests/documents/" + renamesPath, "tests/documents/prose/phrases.yml"}
	textFile    = regexp.MustCompile(`\.(go|ts|tsx|js|mjs|json|jsonc|yaml|yml|md|ini|service|txt|golden)$|Dockerfile$|Containerfile$`)
)

// No file uses a name or text that was renamed: words that users have to learn exist once.
func TestNoOldNameIsLeft(t *testing.T) {
	all := renames(t)
	root := filepath.Join("..", "..")
	files := 0
	for _, start := range searched {
		err := filepath.WalkDir(filepath.Join(root, start), func(path string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			relative := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
			if slices.Contains(notSearched, relative) || entry.Name() == "node_modules" {
				if entry.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			if entry.IsDir() || !textFile.MatchString(relative) {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			for _, r := range all {
				for _, place := range r.left(relative, string(text)) {
					t.Errorf("%s\n\twrite %s", place, r.New)
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
	require.Greater(t, files, 300, "the folders are found")
}

// A rule that matches nothing, or the new name, would be of no use.
func TestRenamesMatchOldNamesOnly(t *testing.T) {
	for _, r := range renames(t) {
		require.NotEmpty(t, r.New, r.Old)
		require.Regexp(t, r.old, r.Example)
		require.NotRegexp(t, r.old, r.New)
	}
}
