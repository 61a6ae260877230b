package stack

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// bundleLog reads what webpack writes to its log in watch mode.
type bundleLog struct {
	path   string
	offset int64
	// rest is a line that is not complete yet.
	rest string
	// problem is the first error since the last build.
	problem string
}

func newBundleLog(path string) *bundleLog { return &bundleLog{path: path} }

// Lines of webpack and of its type checker.
var (
	bundled     = regexp.MustCompile(`webpack [0-9.]+ compiled (successfully|with .*?) in (\d+) ms`)
	typeChecked = regexp.MustCompile(`^Found (\d+ errors?) in`)
	bundleError = regexp.MustCompile(`^ERROR in (.+)`)
	colors      = regexp.MustCompile(`\x1b\[[0-9;]*m`)
)

// news returns one line for each build and each result of the type checker since the last call. A log that cannot be read is
// news, too.
func (b *bundleLog) news() []string {
	content, err := b.read()
	if err != nil {
		return []string{"the log of webpack cannot be read: " + err.Error()}
	}
	lines := strings.Split(b.rest+content, "\n")
	b.rest = lines[len(lines)-1]
	var news []string
	for _, line := range lines[:len(lines)-1] {
		line = strings.TrimSpace(colors.ReplaceAllString(line, ""))
		if match := bundleError.FindStringSubmatch(line); match != nil && b.problem == "" {
			b.problem = match[1]
		}
		match := bundled.FindStringSubmatch(line)
		switch {
		case match != nil && match[1] == "successfully":
			news = append(news, fmt.Sprintf("src: built in %s ms; reload the page", match[2]))
		case match != nil:
			news = append(news, fmt.Sprintf("src: build failed %s: %s", match[1], b.problem))
		case typeChecked.MatchString(line):
			news = append(news, fmt.Sprintf("src: type check found %s: %s", typeChecked.FindStringSubmatch(line)[1], b.problem))
		default:
			continue
		}
		b.problem = ""
	}
	return news
}

// read returns what was added to the log since the last call.
func (b *bundleLog) read() (string, error) {
	file, err := os.Open(b.path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if _, err := file.Seek(b.offset, io.SeekStart); err != nil {
		return "", err
	}
	content, err := io.ReadAll(file)
	b.offset += int64(len(content))
	return string(content), err
}
