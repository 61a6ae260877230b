package profile

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// misplaced is an error at a place of a profile's file: keys of mappings and indexes of lists, from the top.
type misplaced struct {
	error
	path []string
}

func (m misplaced) Unwrap() error { return m.error }

func at(err error, path ...string) error { return misplaced{err, path} }

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

// child is an element of a mapping or list, and the node that names its line.
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

// mostKeys is how many keys a mapping of a file may have: each is compared with all others.
const mostKeys = 2000

// crowded is the line of the first mapping under a node that has too many keys; 0 where there is none.
func crowded(under *yaml.Node) int {
	if under.Kind == yaml.MappingNode && len(under.Content) > 2*mostKeys {
		return under.Line
	}
	for _, child := range under.Content {
		if line := crowded(child); line > 0 {
			return line
		}
	}
	return 0
}

// mostErrors is how many of YAML's errors in one file are told.
const mostErrors = 10

// placed adds the line to an error of YAML's that names none, and tells only the first of very many.
func placed(err error, text []byte) error {
	var many *yaml.TypeError
	switch {
	case errors.Is(err, errEmpty):
		return err
	case errors.As(err, &many):
		if more := len(many.Errors) - mostErrors; more > 0 {
			return fmt.Errorf("%w\n  and %d more", &yaml.TypeError{Errors: many.Errors[:mostErrors]}, more)
		}
		return err
	case strings.Contains(err.Error(), "excessive aliasing"):
		var document yaml.Node
		if yaml.Unmarshal(text, &document) != nil {
			return err
		}
		return fmt.Errorf("line %d: aliases stand for too much from here on: %w", firstAlias(&document), err)
	case strings.Contains(err.Error(), ": line "):
		return err
	}
	if line := firstWith(err, text); line > 0 {
		return fmt.Errorf("line %d: %w", line, err)
	}
	return err
}

// firstWith is the line up to which a file has to be read to meet an error that ends the reading; 0 where there is none.
func firstWith(err error, text []byte) int {
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
		_, met := read(text[:ends[i]])
		return met != nil && met.Error() == err.Error()
	})
	if line == len(ends) {
		return 0
	}
	return line + 1
}
