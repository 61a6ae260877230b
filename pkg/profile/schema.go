package profile

import (
	"reflect"
	"strconv"
)

type object = map[string]any

// Schema is a JSON Schema (draft 2020-12) of the profile format, for editors that complete and check while you type. What it
// cannot express, such as that units can be converted, is checked when a profile is loaded.
func Schema() map[string]any {
	definitions := object{}
	for _, b := range blocks[1:] {
		definitions[b.name] = b.schema()
	}
	root := blocks[0].schema()
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Profile of a model server"
	root["$defs"] = definitions
	return root
}

// schema is that of a block: an object with its keys and no others.
func (b block) schema() object {
	properties := object{}
	var required []string
	var kinds []any
	for _, k := range b.keys() {
		properties[k.name] = k.schema()
		if k.required {
			required = append(required, k.name)
		}
		if k.kind {
			kinds = append(kinds, object{"required": []string{k.name}})
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if len(kinds) > 0 {
		out["oneOf"] = kinds
	}
	return out
}

func (k key) schema() object {
	tag := k.field.Tag
	out := schemaOf(k.field.Type)
	words := vocabularies[tag.Get("enum")]
	switch {
	case len(words) > 0 && k.field.Type.Kind() == reflect.Map:
		out["propertyNames"] = object{"enum": words}
	case len(words) > 0:
		out = object{"enum": words}
	case flag(k.field, "scalar"):
		out = object{"type": []string{"string", "number"}}
	}
	if minimum, err := strconv.Atoi(tag.Get("minimum")); err == nil {
		out["minimum"] = minimum
	}
	out["description"] = k.doc
	return out
}

// schemaOf is that of a Go type of the format.
func schemaOf(t reflect.Type) object {
	if words, ok := types[t]; ok {
		return object{"enum": words}
	}
	if t == reflect.TypeFor[Names]() {
		text := object{"type": "string"}
		return object{"anyOf": []any{text, object{"type": "array", "items": text, "minItems": 1}}}
	}
	if b, ok := blockOf(t); ok {
		return object{"$ref": "#/$defs/" + b.name}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		out := object{"type": "object", "additionalProperties": schemaOf(t.Elem())}
		if words, ok := types[t.Key()]; ok {
			out["propertyNames"] = object{"enum": words}
		}
		return out
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number", "minimum": 0, "exclusiveMaximum": 1}
	default:
		return object{"type": "string"}
	}
}
