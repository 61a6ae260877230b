package profile

import (
	"fmt"
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

// placed adds the line to an error about a file's aliases, which is the only one of YAML's that names none.
func placed(err error, text []byte) error {
	if !strings.Contains(err.Error(), "excessive aliasing") {
		return err
	}
	var document yaml.Node
	if yaml.Unmarshal(text, &document) != nil {
		return err
	}
	return fmt.Errorf("line %d: aliases stand for too much from here on: %w", firstAlias(&document), err)
}
