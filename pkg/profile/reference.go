package profile

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference is the tables of all keys of the profile format in Markdown, a section for each map of the file. docs/profiles.md
// has them.
func Reference() string {
	var b strings.Builder
	for i, block := range blocks {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "### %s\n\n", strings.ToUpper(block.name[:1])+strings.ReplaceAll(block.name[1:], "_", " "))
		if i > 0 {
			fmt.Fprintf(&b, "Example: `%s`\n\n", block.example)
		}
		b.WriteString("| key | value | meaning |\n|---|---|---|\n")
		for _, k := range block.keys() {
			name := "`" + k.name + "`"
			if k.required {
				name += " (required)"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, k.value(), k.meaning())
		}
	}
	return b.String()
}

// meaning is a key's text, with the words that it can have.
func (k key) meaning() string {
	words := vocabularies[k.field.Tag.Get("enum")]
	if len(words) == 0 {
		words = types[element(k.field.Type)]
	}
	if len(words) < 2 {
		return k.doc
	}
	noun := map[reflect.Kind]string{reflect.Map: "Keys:", reflect.Slice: "Values:"}[k.field.Type.Kind()]
	if noun == "" {
		noun = "One of"
	}
	return fmt.Sprintf("%s %s `%s`.", k.doc, noun, strings.Join(words, "`, `"))
}

// value is what a key's value is, in a word or two.
func (k key) value() string {
	switch {
	case len(vocabularies[k.field.Tag.Get("enum")]) > 0 && k.field.Type.Kind() == reflect.String:
		return "word"
	case flag(k.field, "scalar"):
		return "text"
	}
	return valueOf(k.field.Type)
}

func valueOf(t reflect.Type) string {
	if t == reflect.TypeFor[Names]() {
		return "metric, or list of metrics"
	}
	if b, ok := blockOf(t); ok {
		return fmt.Sprintf("[%s](#%s)", strings.ReplaceAll(b.name, "_", " "), strings.ReplaceAll(b.name, "_", "-"))
	}
	if _, ok := types[t]; ok {
		return "word"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return valueOf(t.Elem())
	case reflect.Slice:
		return "list of " + valueOf(t.Elem())
	case reflect.Map:
		return "map to " + valueOf(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Float64:
		return "number"
	default:
		return "text"
	}
}

// element is the type of a list's elements, a map's keys, or the type itself.
func element(t reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Slice:
		return t.Elem()
	case reflect.Map:
		return t.Key()
	default:
		return t
	}
}
