package profile

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// block is a map of the file format: what it is called, and the struct that it is decoded into.
type block struct {
	name string
	// noun is how errors call it, example what it looks like.
	noun, example string
	of            reflect.Type
}

// blocks are all maps of the format with keys of their own, the profile itself first.
var blocks = []block{
	{"profile", "a profile", "id: …", reflect.TypeFor[Profile]()},
	{"endpoint", "an endpoint", "{port: 8000, path: /metrics}", reflect.TypeFor[Endpoint]()},
	{"management", "management", "{protocol: triton, port: 8000}", reflect.TypeFor[Management]()},
	{"status", "status", `{label: code, classes: {2xx: "2..", 5xx: "5.."}}`, reflect.TypeFor[Status]()},
	{"metric", "a metric", "{type: gauge, unit: seconds, labels: [model]}", reflect.TypeFor[Metric]()},
	{"custom_signal", "a custom signal", "{title: Feature miss rate, unit: ratio, shape: share}", reflect.TypeFor[Definition]()},
	{"recipe", "a recipe", "{histogram: request_seconds}", reflect.TypeFor[Recipe]()},
	{"ratio", "a ratio", "{of: [{metric: failures_total}], to: [{metric: requests_total}]}", reflect.TypeFor[Ratio]()},
	{"mean", "a mean", "{sum: [{metric: seconds_sum}], count: [{metric: seconds_count}]}", reflect.TypeFor[Mean]()},
	{"count_series", "count_series", "{metric: model_loaded, by: [model]}", reflect.TypeFor[CountSeries]()},
	{"term", "a term", "{metric: requests_total}", reflect.TypeFor[Term]()},
	{"where", "a condition", "{in: [success]}", reflect.TypeFor[Where]()},
}

// vocabularies are the values that texts of the format can have, by the tag enum.
var vocabularies = map[string][]string{
	"layers": layers, "protocols": managementProtocols, "statusClasses": statusClasses, "readings": {asConcurrency},
}

// types are the values of types that are words.
var types = map[reflect.Type][]string{
	reflect.TypeFor[signal.Label](): texts(signal.Labels),
	reflect.TypeFor[signal.Unit]():  texts(signal.Units()),
	reflect.TypeFor[signal.Shape](): texts(shapes),
	reflect.TypeFor[Type]():         texts([]Type{Counter, Gauge, Summary, Histogram}),
}

func texts[T ~string](of []T) []string {
	out := make([]string, len(of))
	for i, v := range of {
		out[i] = string(v)
	}
	return out
}

// key is one key of a block.
type key struct {
	name, doc      string
	required, kind bool
	field          reflect.StructField
}

// keys lists the keys of a block in the order of the struct.
func (b block) keys() []key {
	var out []key
	for _, f := range reflect.VisibleFields(b.of) {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue // the profile's origin, and structs whose keys are listed on their own
		}
		out = append(out, key{name: name, doc: f.Tag.Get("doc"), required: flag(f, "required"), kind: flag(f, "kind"), field: f})
	}
	return out
}

func (b block) keyNames() []string {
	var out []string
	for _, k := range b.keys() {
		out = append(out, k.name)
	}
	return out
}

func flag(f reflect.StructField, tag string) bool {
	set, _ := strconv.ParseBool(f.Tag.Get(tag))
	return set
}

// blockOf is the block that a type is decoded as; false for all other types.
func blockOf(t reflect.Type) (block, bool) {
	for _, b := range blocks {
		if b.of == t {
			return b, true
		}
	}
	return block{}, false
}
