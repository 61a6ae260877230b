package documents

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	linkTarget = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	// ownLink is an absolute link to a file of the project.
	ownLink    = regexp.MustCompile(`^https://(?:github\.com/coldhit/modelserving-datasource/(?:blob|tree)/main|raw\.githubusercontent\.com/coldhit/modelserving-datasource/main)/`)
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fencedCode = regexp.MustCompile("(?s)```.*?```")
	notInSlugs = regexp.MustCompile(`[^\pL\pN _-]`)
)

// slugs are the anchors of a Markdown document's headings, as GitHub makes them.
func slugs(markdown string) []string {
	var all []string
	for _, found := range heading.FindAllStringSubmatch(fencedCode.ReplaceAllString(markdown, ""), -1) {
		all = append(all, strings.ReplaceAll(notInSlugs.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-"))
	}
	return all
}

// brokenLinks lists the links of a document to files of the project, or to headings in them, that do not exist.
func brokenLinks(t *testing.T, root, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var broken []string
	for _, found := range linkTarget.FindAllStringSubmatch(fencedCode.ReplaceAllString(string(text), ""), -1) {
		file, anchor, _ := strings.Cut(found[1], "#")
		at := ownLink.FindString(file)
		switch {
		case at != "":
			file = filepath.Join(root, strings.TrimPrefix(file, at))
		case strings.Contains(file, "://"):
			continue
		case file == "":
			file = path
		default:
			file = filepath.Join(filepath.Dir(path), file)
		}
		if _, err := os.Stat(file); err != nil {
			broken = append(broken, found[1])
			continue
		}
		if anchor == "" || filepath.Ext(file) != ".md" {
			continue
		}
		target, err := os.ReadFile(file)
		require.NoError(t, err)
		if !slices.Contains(slugs(string(target)), anchor) {
			broken = append(broken, found[1])
		}
	}
	return broken
}

func TestLinksLeadSomewhere(t *testing.T) {
	root := filepath.Join("..", "..")
	var documents []string
	for _, pattern := range []string{"*.md", filepath.Join("docs", "*.md")} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		documents = append(documents, found...)
	}
	require.Greater(t, len(documents), 10)
	for _, path := range documents {
		require.Empty(t, brokenLinks(t, root, path), path)
	}
}

// The catalogue refuses relative links in the README.
func TestReadmeHasNoRelativeLinks(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	links := linkTarget.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, links)
	for _, found := range links {
		require.True(t, strings.HasPrefix(found[1], "https://"), found[1])
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.md")
	require.NoError(t, os.WriteFile(path, []byte("# One (two, 3x)\n[a](#one-two-3x) [b](#three) [c](b.md) [d](a.md#one-two-3x) [e](https://example.com/f)\n"), 0o600))
	require.Equal(t, []string{"#three", "b.md"}, brokenLinks(t, folder, path))
}
