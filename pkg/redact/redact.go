// Package redact takes secrets out of texts that come from outside: by value, in every encoding in which a server may repeat one, and out
// of URLs. It imports no other package of the project.
package redact

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Mark stands for a secret in a text. It needs no escaping in JSON, YAML, HTML or a URL's path.
const Mark = "[redacted]"

// maxTemporary is how many secrets of AddTemporary are remembered: those that are valid, and those of answers that are on their way.
const maxTemporary = 32

// Redactor replaces secrets in texts. The zero value and nil replace none. It serves any number of goroutines.
type Redactor struct {
	// wider has more secrets; nil if there are none.
	wider     *Redactor
	mu        sync.Mutex
	lasting   []string
	temporary []string
	rules     atomic.Pointer[rules]
}

// New makes a redactor of secrets. Empty ones are ignored.
func New(secrets ...string) *Redactor {
	r := &Redactor{}
	r.Add(secrets...)
	return r
}

// Add adds secrets for good.
func (r *Redactor) Add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.lasting)
	for _, s := range secrets {
		if s != "" && !slices.Contains(r.lasting, s) {
			r.lasting = append(r.lasting, s)
		}
	}
	if len(r.lasting) > before {
		r.rebuild()
	}
}

// AddTemporary adds a secret that is replaced by another one before long, such as a token. The latest are remembered.
func (r *Redactor) AddTemporary(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if secret == "" || slices.Contains(r.temporary, secret) {
		return
	}
	r.temporary = append(r.temporary, secret)
	if len(r.temporary) > maxTemporary {
		r.temporary = slices.Clone(r.temporary[1:])
	}
	r.rebuild()
}

func (r *Redactor) rebuild() {
	if made := newRules(slices.Concat(r.lasting, r.temporary)); made != nil {
		r.rules.Store(made)
	}
}

// With is a redactor of the secrets of r, also those that are added later, and of more ones.
func (r *Redactor) With(secrets ...string) *Redactor {
	out := New(secrets...)
	if out.rules.Load() == nil && r != nil {
		return r
	}
	out.wider = r
	return out
}

// Empty reports whether there are no secrets.
func (r *Redactor) Empty() bool {
	return r == nil || (r.rules.Load() == nil && r.wider.Empty())
}

// Text is a text without secrets.
func (r *Redactor) Text(text string) string {
	if r == nil || text == "" {
		return text
	}
	if made := r.rules.Load(); made != nil {
		text = made.apply(text)
	}
	return r.wider.Text(text)
}

// Bytes are text without secrets. The argument is not changed.
func (r *Redactor) Bytes(text []byte) []byte {
	if r.Empty() || len(text) == 0 {
		return text
	}
	return []byte(r.Text(string(text)))
}

// Error is an error whose text has no secrets. It wraps err, so that errors.Is and errors.As find what it is.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if redacted := r.Text(text); redacted != text {
		return redactedError{error: err, text: redacted}
	}
	return err
}

type redactedError struct {
	error
	text string
}

func (e redactedError) Error() string { return e.text }
func (e redactedError) Unwrap() error { return e.error }

// rules replace one set of secrets.
type rules struct {
	anywhere *strings.Replacer
	// words are secrets too short to be replaced within other words; nil if there are none.
	words *regexp.Regexp
}

// signature is AWS's signature of one request in its Authorization header.
var signature = regexp.MustCompile(`(Signature=)[0-9a-f]{64}`)

// newRules makes the rules of secrets; nil if there are none.
func newRules(secrets []string) *rules {
	var anywhere, words []string
	for _, s := range secrets {
		long, short := forms(s)
		anywhere, words = append(anywhere, long...), append(words, short...)
	}
	if len(anywhere)+len(words) == 0 {
		return nil
	}
	out := &rules{anywhere: replacer(anywhere)}
	if len(words) > 0 {
		slices.SortFunc(words, longestFirst)
		for i, w := range words {
			words[i] = regexp.QuoteMeta(w)
		}
		out.words = regexp.MustCompile(`(^|[^\pL\pN]|%[0-9A-Fa-f]{2}|\\[nrt])(?:` + strings.Join(words, "|") + `)($|[^\pL\pN])`)
	}
	return out
}

func replacer(texts []string) *strings.Replacer {
	slices.SortFunc(texts, longestFirst)
	var pairs []string
	for _, t := range slices.Compact(texts) {
		pairs = append(pairs, t, Mark)
	}
	return strings.NewReplacer(pairs...)
}

// longestFirst, because of two secrets that begin alike the longer one has to be found.
func longestFirst(a, b string) int {
	return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
}

func (r *rules) apply(text string) string {
	text = r.anywhere.Replace(text)
	if r.words != nil {
		// Twice, because two neighbours share the character between them.
		for range 2 {
			text = r.words.ReplaceAllString(text, "${1}"+Mark+"${2}")
		}
	}
	if strings.Contains(text, "Signature=") {
		text = signature.ReplaceAllString(text, "${1}"+Mark)
	}
	return text
}
