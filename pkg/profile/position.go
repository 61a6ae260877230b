package profile

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// positionError is an error at a position of a profile's file: keys of maps and indexes of lists, from the top.
type positionError struct {
	error
	path []string
}

func (e positionError) Unwrap() error { return e.error }

func atPath(err error, path ...string) positionError { return positionError{err, path} }

// inText is the error with its line inText a file.
func (e positionError) inText(text string) error {
	return fmt.Errorf("line %d: %w", lineOf([]byte(text), e.path), e.error)
}

// lineOf is the line of a place in a file, or of as much of its path as is there.
func lineOf(text []byte, path []string) int {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil || len(document.Content) == 0 {
		return 1
	}
	node := document.Content[0]
	line := node.Line
	for _, step := range path {
		key, value := child(node, step)
		if value == nil {
			break
		}
		line, node = key.Line, value
	}
	return line
}

// child is an element of a map or list, and the node that names its line.
func child(of *yaml.Node, step string) (key, value *yaml.Node) {
	if of.Kind == yaml.AliasNode {
		of = of.Alias
	}
	switch of.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(of.Content); i += 2 {
			if of.Content[i].Value == step {
				return of.Content[i], of.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(of.Content) {
			return of.Content[i], of.Content[i]
		}
	}
	return nil, nil
}

// firstAlias is the line of the first alias under a node; 0 where there is none.
func firstAlias(under *yaml.Node) int {
	if under.Kind == yaml.AliasNode {
		return under.Line
	}
	for _, child := range under.Content {
		if line := firstAlias(child); line > 0 {
			return line
		}
	}
	return 0
}

// maxKeys is how many keys a map of a file may have: each is compared with all others.
const maxKeys = 2000

// oversizedMap is the line of the first map under a node that has too many keys; 0 if there is none.
func oversizedMap(under *yaml.Node) int {
	if under.Kind == yaml.MappingNode && len(under.Content) > 2*maxKeys {
		return under.Line
	}
	for _, child := range under.Content {
		if line := oversizedMap(child); line > 0 {
			return line
		}
	}
	return 0
}

// lineOfError is the line up to which a file has to be read to meet an error that ends the reading; 0 where there is none.
func lineOfError(err error, text []byte) int {
	if valid := bytes.ToValidUTF8(text, nil); len(valid) < len(text) && strings.Contains(err.Error(), "UTF-8") {
		at := 0
		for at < len(valid) && valid[at] == text[at] {
			at++
		}
		return 1 + bytes.Count(text[:at], []byte("\n"))
	}
	var ends []int
	for at := range bytes.Lines(text) {
		last := 0
		if len(ends) > 0 {
			last = ends[len(ends)-1]
		}
		ends = append(ends, last+len(at))
	}
	line := sort.Search(len(ends), func(i int) bool {
		_, met := decode(text[:ends[i]])
		return met != nil && met.Error() == err.Error()
	})
	if line == len(ends) {
		return 0
	}
	return line + 1
}
