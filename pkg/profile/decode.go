package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse reads one profile and checks it. Its errors begin with the line, unless the file is empty.
func Parse(text []byte) (*Profile, error) {
	var document yaml.Node
	if yaml.Unmarshal(text, &document) == nil {
		if line := oversizedMap(&document); line > 0 {
			return nil, fmt.Errorf("line %d: the map has more than %d keys. Split the profile", line, maxKeys)
		}
	}
	p, err := decode(text)
	if err != nil {
		return nil, readable(err, text)
	}
	err = p.validate()
	var position positionError
	if errors.As(err, &position) {
		return nil, fmt.Errorf("line %d: %w", lineOf(text, position.path), err)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

var errEmpty = errors.New("the file is empty. Enter a profile, or remove the file")

// decode reads one profile without checking it.
func decode(text []byte) (*Profile, error) {
	p := &Profile{}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	err := decoder.Decode(p)
	if errors.Is(err, io.EOF) {
		return p, errEmpty
	}
	if err != nil {
		return p, err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return p, errors.New("the file has more than one document. Write each profile into a file of its own")
	}
	return p, nil
}

// maxErrors is how many errors of one file are reported.
const maxErrors = 10

// readable is an error of the YAML library in the terms of the format and with its line, the first of very many.
func readable(err error, text []byte) error {
	var many *yaml.TypeError
	switch {
	case errors.Is(err, errEmpty):
		return err
	case errors.As(err, &many):
		var lines []string
		for _, problem := range many.Errors[:min(len(many.Errors), maxErrors)] {
			lines = append(lines, reworded(problem))
		}
		if more := len(many.Errors) - maxErrors; more > 0 {
			lines = append(lines, fmt.Sprintf("and %d more", more))
		}
		return errors.New(strings.Join(lines, "\n"))
	case strings.Contains(err.Error(), "excessive aliasing"):
		var document yaml.Node
		if yaml.Unmarshal(text, &document) != nil {
			return err
		}
		return fmt.Errorf("line %d: the aliases expand to too much. Use fewer of them", firstAlias(&document))
	}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.HasPrefix(message, "line ") {
		return errors.New(message)
	}
	if line := lineOfError(err, text); line > 0 {
		return fmt.Errorf("line %d: %s", line, message)
	}
	return errors.New(message)
}

var (
	unknownKey = regexp.MustCompile(`^(line \d+): field (.*) not found in type profile\.(\w+)$`)
	repeated   = regexp.MustCompile(`^(line \d+): mapping key "(.*)" already defined at (line \d+)$`)
	wrongValue = regexp.MustCompile("(?s)^(line \\d+): cannot unmarshal !!(\\w+)(?: `(.*)`)? into (.+)$")
)

// reworded is one error of the YAML library in the terms of the format.
func reworded(problem string) string {
	if m := unknownKey.FindStringSubmatch(problem); m != nil {
		return fmt.Sprintf("%s: unknown key %s%s", m[1], m[2], knownKeys(m[2], m[3]))
	}
	if m := repeated.FindStringSubmatch(problem); m != nil {
		return fmt.Sprintf("%s: the key %s is already in %s. Remove one of them", m[1], m[2], m[3])
	}
	if m := wrongValue.FindStringSubmatch(problem); m != nil {
		got := map[string]string{"seq": "a list", "map": "a map"}[m[2]]
		if got == "" {
			got = fmt.Sprintf("%q", m[3])
		}
		return fmt.Sprintf("%s: %s, not %s", m[1], expected(m[4]), got)
	}
	return problem
}

// knownKeys ends a sentence about an unknown key of a block: with the key that was meant, or with all that there are.
func knownKeys(name, typeName string) string {
	for _, b := range blocks {
		if b.of.Name() != typeName {
			continue
		}
		if meant := closest(name, b.keyNames()); meant != "" {
			return fmt.Sprintf(". Did you mean %s?", meant)
		}
		return fmt.Sprintf(". The keys of %s are %s", b.noun, strings.Join(b.keyNames(), ", "))
	}
	return ""
}

// expected is what has to be where a value of another type is.
func expected(goType string) string {
	name := strings.TrimPrefix(strings.TrimLeft(goType, "*"), "profile.")
	for _, b := range blocks {
		if b.of.Name() == name {
			return fmt.Sprintf("%s must be a map such as %s", b.noun, b.example)
		}
	}
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "the value must be a list"
	case strings.HasPrefix(goType, "map["):
		return "the value must be a map"
	case goType == "int", goType == "float64":
		return "the value must be a number"
	case goType == "bool":
		return "the value must be true or false"
	}
	return "the value must be text"
}
