package profile

import "github.com/coldhit/modelserving-datasource/pkg/signal"

type object = map[string]any

// Schema is a JSON Schema (draft 2020-12) of the profile format, for editors that complete and check as one types. What it
// cannot say, such as that units can be converted, is checked when a profile is loaded.
func Schema() map[string]any {
	terms := list(object{"$ref": "#/$defs/term"})
	names := object{"anyOf": []any{text(""), object{"type": "array", "items": text(""), "minItems": 1}}}
	term := object{
		"metric":                with(names, "The metric, or its names in different versions of the server, the newest first."),
		"where":                 object{"$ref": "#/$defs/where"},
		"set":                   object{"type": "object", "propertyNames": word(signal.Labels), "additionalProperties": text(""), "description": "Labels that the server does not give the series."},
		"subtract":              object{"type": "boolean"},
		"drop_labels":           with(list(word(signal.Labels)), "Labels of the metric that are left out, to set it against metrics without them."),
		"drop_nonpositive":      with(object{"type": "boolean"}, "Leave values out that are not above zero."),
		"dedupe_by":             with(list(text("")), "The server's labels that tell values apart: series that agree in them repeat one value, which counts once."),
		"as":                    with(word([]string{asConcurrency}), "Read a counter of durations by Little's law."),
		"treat_missing_as_zero": with(object{"type": "boolean"}, "Contribute 0 wherever the metric has series."),
	}
	present := object{"by": list(word(signal.Labels))}
	for k, v := range term {
		present[k] = v
	}
	recipes := object{
		"sum": terms, "average": terms,
		"ratio":   closed(object{"of": terms, "to": terms}, "of", "to"),
		"mean":    closed(object{"sum": terms, "count": terms}, "sum", "count"),
		"summary": text("A summary whose quantiles are read as they are."), "histogram": names,
		"count_series": closed(present, "metric"), "age": text("A gauge with a time in seconds since 1970."),
	}
	var kinds []any
	for _, kind := range []string{"sum", "average", "ratio", "mean", "summary", "histogram", "count_series", "age"} {
		kinds = append(kinds, object{"required": []string{kind}})
	}
	recipe := object{"description": text("A clause about what the number is made of."), "estimate": object{"type": "boolean", "description": "The server itself works the numbers out from others."}, "where": object{"$ref": "#/$defs/where"}}
	for k, v := range recipes {
		recipe[k] = v
	}
	recipeSchema := closed(recipe)
	recipeSchema["oneOf"] = kinds
	root := closed(object{
		"id": text("Names the profile in settings."), "name": text("The server's name."), "versions": scalar("The server's versions that this describes."),
		"documentation": text("Where the server's metrics are described."), "layer": word(layers),
		"endpoint":        closed(object{"port": object{"type": "integer"}, "path": text("")}),
		"management":      closed(object{"protocol": word(managementProtocols), "port": object{"type": "integer"}}, "protocol"),
		"detect":          with(list(text("")), "Metrics of which any one tells that a page is this server's."),
		"identity_metric": text("The metric that has series exactly for the models that a replica serves."),
		"rank_by":         with(terms, "Counters that models are ranked by."),
		"replica":         with(list(text("")), "The labels that tell replicas apart."),
		"device":          with(list(text("")), "The server's labels in which a GPU and its slices (MIG) agree, where each has an id of its own."),
		"labels":          object{"type": "object", "propertyNames": word(signal.Labels), "additionalProperties": text("")},
		"label_aliases":   with(object{"type": "object", "propertyNames": word(signal.Labels), "additionalProperties": text("")}, "Second names of labels, which series have that lack the first."),
		"status":          closed(object{"label": text(""), "classes": object{"type": "object", "propertyNames": word(statusClasses), "additionalProperties": text("")}}, "label", "classes"),
		"metrics":         object{"type": "object", "additionalProperties": object{"$ref": "#/$defs/metric"}},
		"custom_signals":  object{"type": "object", "additionalProperties": object{"$ref": "#/$defs/definition"}},
		"signals":         object{"type": "object", "additionalProperties": list(object{"$ref": "#/$defs/recipe"})},
		"caveats":         list(text("")),
	}, "id", "name", "layer", "detect", "identity_metric", "replica", "metrics")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Profile of a model server"
	root["$defs"] = object{
		"metric": closed(object{
			"type": word([]Type{Counter, Gauge, Summary, Histogram}), "unit": word(signal.Units()), "labels": list(word(signal.Labels)),
			"since": scalar("The first version that has it."), "enable": text("What to switch on to have it."), "fabricated_sum": object{"type": "boolean"},
			"rank_errors": object{"type": "object", "additionalProperties": object{"type": "number", "minimum": 0, "exclusiveMaximum": 1},
				"description": "By how much the share that a summary's quantile stands for may be off, by that share."},
		}, "type", "unit"),
		"definition": closed(object{"title": text(""), "description": text(""), "unit": word(signal.Units()), "shape": word(shapes)}, "title", "unit", "shape"),
		"term":       closed(term, "metric"),
		"where": object{"type": "object", "additionalProperties": closed(object{"in": list(text("")), "not_in": list(text("")), "regex": text("A regular expression (RE2) for the whole value.")}),
			"description": "Conditions on the server's own labels."},
		"recipe": recipeSchema,
	}
	return root
}

// closed is an object with these properties alone.
func closed(properties object, required ...string) object {
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func list(of object) object { return object{"type": "array", "items": of} }

func text(description string) object { return with(object{"type": "string"}, description) }

// scalar is a text that YAML may take for a number.
func scalar(description string) object {
	return with(object{"type": []string{"string", "number"}}, description)
}

func word[T ~string](of []T) object { return object{"enum": of} }

func with(schema object, description string) object {
	if description == "" {
		return schema
	}
	out := object{"description": description}
	for k, v := range schema {
		out[k] = v
	}
	return out
}
