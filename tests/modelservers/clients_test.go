//go:build modelservers

package modelservers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
)

// Clients as they are, sent to the recorder in place of the server.

func TestClientsOfTritonGoThroughTheRecorder(t *testing.T) {
	clients := install(t, "clients")
	models := []fleet.Model{{Name: "echo", Versions: []int{1}, ServiceMS: 1, Instances: 1}, {Name: "stream", Versions: []int{1}}}
	l := startTail(t, "clients-triton", models, len(models))
	sleeping(t, filepath.Join(scratch, "clients-triton", "models"), "stream", time.Millisecond)
	for _, m := range models {
		kind{url: l.triton.HTTP + "/v2/repository/models/" + m.Name + "/load", status: http.StatusOK}.send(t, 1)
	}
	r := record(t, "recorder-triton", "upstream: "+l.triton.HTTP+"\ngrpc_upstream: "+l.triton.GRPC)

	clients.run("python", "triton_http.py", r.address)
	r.await(`code="200",model="echo",protocol="http",start="unknown"`, 4)
	r.await(`code="404",model="missing",protocol="http",start="unknown"|code="400",model="missing",protocol="http",start="unknown"`, 1)
	clients.run("python", "triton_grpc.py", r.address)
	r.await(`code="OK",model="echo",protocol="grpc",start="unknown"`, 3)
	r.await(`code="NotFound",model="missing",protocol="grpc",start="unknown"`, 1)
	r.await(`code="OK",model="stream",protocol="grpc",start="unknown"`, 1)

	inference := []string{"-H", "Content-Type: application/json", "-d", `{"INPUT": 7}`, r.url() + "/v2/models/stream/"}
	for _, version := range []string{"--http1.1", "--http2-prior-knowledge"} {
		for _, way := range []string{"generate", "generate_stream"} {
			args := append([]string{version}, inference...)
			args[len(args)-1] += way
			require.Contains(t, curl(t, args...), `"OUTPUT":7.0`, way)
		}
	}
	r.await(`code="200",model="stream",protocol="http",start="unknown"`, 4)
}

// curl runs curl and answers what it wrote.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "--fail-with-body", "--no-buffer", "--max-time", fmt.Sprint(requestTimeout.Seconds())}, args...)...)
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
	return string(output)
}

// fakeOpenAI speaks as much of OpenAI's protocol as the test needs, and sends each part of a stream only when the client
// could have read the one before.
func fakeOpenAI(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Model  string
		Stream bool
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("Authorization") != "Bearer secret" || asked.Model != "talker" {
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, `{"error": {"message": "There is no model %s", "type": "invalid_request_error"}}`, asked.Model)
		return
	}
	const head = `"id": "1", "created": 1, "model": "talker"`
	if !asked.Stream {
		_, _ = fmt.Fprintf(w, `{%s, "object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "one two three"}}]}`, head)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, word := range []string{"one ", "two ", "three"} {
		_, _ = fmt.Fprintf(w, "data: {%s, \"object\": \"chat.completion.chunk\", \"choices\": [{\"index\": 0, \"delta\": {\"content\": %q}}]}\n\n", head, word)
		if http.NewResponseController(w).Flush() != nil {
			return
		}
	}
	_, _ = fmt.Fprint(w, "data: [DONE]\n\n")
}

func echoMessages(w http.ResponseWriter, r *http.Request) {
	connection, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = connection.CloseNow() }()
	connection.SetReadLimit(1 << 21)
	for {
		kind, message, err := connection.Read(r.Context())
		if err != nil || connection.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

func TestClientsOfLanguageModelsGoThroughTheRecorder(t *testing.T) {
	clients := install(t, "clients")
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", fakeOpenAI)
	mux.HandleFunc("GET /v1/realtime", echoMessages)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r := record(t, "recorder-openai", "upstream: "+server.URL)

	clients.run("python", "openai_stream.py", r.url()+"/v1")
	r.await(`code="200",model="talker",protocol="http",start="unknown"`, 2)
	r.await(`code="404",model="missing",protocol="http",start="unknown"`, 1)
	clients.run("python", "websocket_client.py", "ws://"+r.address+"/v1/realtime?model=talker")
	r.await(`code="3007",model="talker",protocol="websocket",start="unknown"`, 1)
}
