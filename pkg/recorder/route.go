package recorder

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Route says which requests are recorded and where they name their model. Of several routes the first that fits counts.
type Route struct {
	// Name is what errors call the route by.
	Name string
	// Pattern fits the path as it was sent, escapes included; its groups "model" and "version" are decoded.
	Pattern *regexp.Regexp
	// Methods are the HTTP methods recorded; none means every method.
	Methods []string
	// At most one of these names the model where Pattern has no group "model": a string field of the body (JSON or a form), a
	// request header, a query parameter, or a fixed name for a server with one model.
	BodyField, Header, Query, Model string
	// InferenceMessage reads the model from the first message of an Open Inference Protocol call over gRPC.
	InferenceMessage bool
}

const (
	modelGroup   = "model"
	versionGroup = "version"
)

// Validate says what is wrong with a route.
func (r Route) Validate() error {
	if r.Pattern == nil {
		return fmt.Errorf("%s has no pattern: set a regular expression for the path", r.Name)
	}
	for _, method := range r.Methods {
		if method != strings.ToUpper(method) || method == "" {
			return fmt.Errorf("%s: invalid method %q: use capitals, for example POST", r.Name, method)
		}
	}
	sources := 0
	for _, set := range []bool{r.Pattern.SubexpIndex(modelGroup) >= 0, r.BodyField != "", r.Header != "", r.Query != "", r.Model != "", r.InferenceMessage} {
		if set {
			sources++
		}
	}
	if sources != 1 {
		return fmt.Errorf("%s does not define its model in exactly one way: set either a group (?P<model>…) in the pattern, or one of body_field, "+
			"header, query and model", r.Name)
	}
	return nil
}

// Names of the built-in routes.
const (
	OpenInference     = "open_inference"
	KServe            = "kserve"
	TensorFlowServing = "tensorflow_serving"
	TorchServe        = "torchserve"
	OpenAI            = "openai"
	Ollama            = "ollama"
	RayMultiplexed    = "ray_multiplexed"
	BentoML           = "bentoml"
)

var post = []string{http.MethodPost}

// builtin are the routes of the protocols known, most specific first. RayMultiplexed and BentoML fit almost any path.
var builtin = []Route{
	{
		Name:    OpenInference,
		Pattern: regexp.MustCompile(`/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?/(?:infer|infer_stream|generate|generate_stream)$`),
		Methods: post,
	},
	{
		Name:             OpenInference,
		Pattern:          regexp.MustCompile(`^/inference\.GRPCInferenceService/Model(?:Stream)?Infer$`),
		Methods:          post,
		InferenceMessage: true,
	},
	{
		Name:    KServe,
		Pattern: regexp.MustCompile(`^/v1/models/(?P<model>[^/:]+):(?:predict|explain)$`),
		Methods: post,
	},
	{
		Name:    TensorFlowServing,
		Pattern: regexp.MustCompile(`^/v1/models/(?P<model>[^/:]+)(?:/(?:versions|labels)/(?P<version>[^/:]+))?:(?:predict|classify|regress)$`),
		Methods: post,
	},
	{
		Name:    TorchServe,
		Pattern: regexp.MustCompile(`^/(?:predictions|explanations)/(?P<model>[^/]+)(?:/(?P<version>[^/]+))?$`),
	},
	{
		Name: OpenAI,
		Pattern: regexp.MustCompile(`/v1/(?:chat/completions|completions|embeddings|responses|messages|rerank|score|classify|` +
			`moderations|pooling|images/(?:generations|edits|variations)|audio/(?:speech|transcriptions|translations))$`),
		Methods:   post,
		BodyField: "model",
	},
	{
		Name:    OpenAI,
		Pattern: regexp.MustCompile(`/v1/realtime$`),
		Query:   "model",
	},
	{
		Name:      Ollama,
		Pattern:   regexp.MustCompile(`^/api/(?:generate|chat|embed|embeddings)$`),
		Methods:   post,
		BodyField: "model",
	},
	{
		Name:    RayMultiplexed,
		Pattern: regexp.MustCompile(`^/(?:[^-].*)?$`),
		Header:  "serve_multiplexed_model_id",
	},
	{
		Name:    BentoML,
		Pattern: regexp.MustCompile(`^/(?P<model>[^/.]+)$`),
		Methods: post,
	},
}

// DefaultRoutes are the built-in routes that can stand together: all but those that fit almost any path.
var DefaultRoutes = []string{OpenInference, KServe, TensorFlowServing, TorchServe, OpenAI, Ollama}

// BuiltinRoutes answers the built-in routes of these names.
func BuiltinRoutes(names []string) ([]Route, error) {
	for _, name := range names {
		if !slices.ContainsFunc(builtin, func(r Route) bool { return r.Name == name }) {
			return nil, fmt.Errorf("unknown built-in route %q: use one of %s", name, strings.Join(builtinNames(), ", "))
		}
	}
	var routes []Route
	for _, route := range builtin {
		if slices.Contains(names, route.Name) {
			routes = append(routes, route)
		}
	}
	return routes, nil
}

func builtinNames() []string {
	var names []string
	for _, route := range builtin {
		if !slices.Contains(names, route.Name) {
			names = append(names, route.Name)
		}
	}
	return names
}

var errNoRoute = errors.New("no routes, so no request would be measured: set builtin_routes or routes")

func validateRoutes(routes []Route) error {
	if len(routes) == 0 {
		return errNoRoute
	}
	for _, route := range routes {
		if err := route.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// finder looks for the model in a request's body while that passes by.
type finder interface {
	// feed takes the next bytes and says whether the search has ended.
	feed(p []byte) bool
	result() (model, version string, found bool)
}

// destination is what a route says about one request: the model, or who will find it in the body.
type destination struct {
	model, version string
	finder         finder
}

// destinationOf answers false where no route fits.
func destinationOf(routes []Route, r *http.Request, bodyLimit int) (destination, bool) {
	path := r.URL.EscapedPath()
	for i := range routes {
		route := &routes[i]
		if len(route.Methods) > 0 && !slices.Contains(route.Methods, r.Method) {
			continue
		}
		groups := route.Pattern.FindStringSubmatchIndex(path)
		if groups == nil {
			continue
		}
		d := destination{model: route.group(path, groups, modelGroup), version: route.group(path, groups, versionGroup)}
		switch {
		case route.Header != "":
			// As the model's name is of the client's choice, several headers of this name are read as the first.
			d.model = r.Header.Get(route.Header)
		case route.Query != "":
			d.model = r.URL.Query().Get(route.Query)
		case route.Model != "":
			d.model = route.Model
		case route.BodyField != "":
			d.finder = newBodyFinder(route.BodyField, r.Header, bodyLimit)
		case route.InferenceMessage:
			d.finder = &grpcFinder{}
		}
		return d, true
	}
	return destination{}, false
}

// newBodyFinder looks for a field of the body, which is a form where its header says so, and JSON otherwise: not all clients tell.
func newBodyFinder(field string, header http.Header, limit int) finder {
	if form, ok := newFormFinder(field, header); ok {
		return form
	}
	return newJSONFinder(field, limit)
}

func (r *Route) group(path string, groups []int, name string) string {
	i := r.Pattern.SubexpIndex(name)
	if i < 0 || groups[2*i] < 0 {
		return ""
	}
	escaped := path[groups[2*i]:groups[2*i+1]]
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return escaped
	}
	return plain
}
