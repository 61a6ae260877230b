package router

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// state is what Triton says of a model.
type state int

const (
	absent    state = iota // not in memory
	loading                // on its way into memory
	resident               // in memory and ready for requests
	unloading              // on its way out, and still taking memory
)

// repository is Triton's API for its model repository, of a server in explicit mode.
type repository struct {
	base   *url.URL
	client *http.Client
}

// refusal is an answer of Triton's that says why it did not do what was asked, unlike an error without an answer, after
// which nobody knows.
type refusal struct {
	status string
	reason string
}

func (r *refusal) Error() string { return fmt.Sprintf("Triton answered %s: %s", r.status, r.reason) }

// index returns the state of every model of the repository. One of several versions in memory is enough for the model to be.
func (r *repository) index(ctx context.Context) (map[string]state, error) {
	body, err := r.post(ctx, r.base.JoinPath("v2", "repository", "index"))
	if err != nil {
		return nil, fmt.Errorf("list the models of Triton: %w", err)
	}
	var listed []struct{ Name, State string }
	if err := json.Unmarshal(body, &listed); err != nil {
		return nil, fmt.Errorf("list the models of Triton: %w", err)
	}
	states := make(map[string]state, len(listed))
	for _, version := range listed {
		states[version.Name] = preferred(states[version.Name], stateOf(version.State))
	}
	return states, nil
}

// stateOf reads Triton's word; a model that was never loaded has none.
func stateOf(word string) state {
	switch word {
	case "READY":
		return resident
	case "LOADING":
		return loading
	case "UNLOADING":
		return unloading
	default:
		return absent
	}
}

// preferred is the state of a model of which two versions are in these states.
func preferred(one, other state) state {
	for _, s := range []state{loading, resident, unloading} {
		if one == s || other == s {
			return s
		}
	}
	return absent
}

// load returns when the model is in memory.
func (r *repository) load(ctx context.Context, model string) error {
	_, err := r.post(ctx, r.base.JoinPath("v2", "repository", "models", url.PathEscape(model), "load"))
	return err
}

// unload returns when Triton has begun to unload the model; it is gone when the index says so.
func (r *repository) unload(ctx context.Context, model string) error {
	_, err := r.post(ctx, r.base.JoinPath("v2", "repository", "models", url.PathEscape(model), "unload"))
	return err
}

// answerLimit bounds what is read of an answer.
const answerLimit = 4 << 20

func (r *repository) post(ctx context.Context, u *url.URL) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader("{}"))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, &refusal{status: response.Status, reason: reasonIn(body)}
	}
	return body, nil
}

// reasonIn is what Triton says in an error's body: {"error": "…"}.
func reasonIn(body []byte) string {
	var told struct{ Error string }
	if json.Unmarshal(body, &told) == nil && told.Error != "" {
		return told.Error
	}
	return string(bytes.TrimSpace(body))
}

// isRefusal says whether Triton itself said no.
func isRefusal(err error) bool {
	var r *refusal
	return errors.As(err, &r)
}
