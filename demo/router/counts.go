package router

import (
	"encoding/json"
	"net/http"
)

// Counts is what the router did, exactly, since it began.
type Counts struct {
	// Slots is how many models fit into memory.
	Slots int `json:"slots"`
	// Waiting requests wait for a model now.
	Waiting int `json:"waiting"`
	// Models are by name.
	Models map[string]ModelCounts `json:"models"`
}

// ModelCounts are what the router did for one model. A model is in memory if Loads + LoadedByOthers is one more than
// Evictions + UnloadedByOthers; while one of them is under way, perhaps.
type ModelCounts struct {
	// Hot requests met the model in memory. Cold ones had to wait for it; of those, Refused waited in vain, Failed got the
	// error of a load, and of Abandoned ones the client did not wait.
	Hot       int64 `json:"hot"`
	Cold      int64 `json:"cold"`
	Refused   int64 `json:"refused"`
	Failed    int64 `json:"failed"`
	Abandoned int64 `json:"abandoned"`

	Loads       int64 `json:"loads"`
	FailedLoads int64 `json:"failedLoads"`
	Evictions   int64 `json:"evictions"`
	// LoadSeconds is the sum over Loads.
	LoadSeconds float64 `json:"loadSeconds"`
	// LoadedByOthers and UnloadedByOthers are changes that were not the router's doing.
	LoadedByOthers   int64 `json:"loadedByOthers"`
	UnloadedByOthers int64 `json:"unloadedByOthers"`

	// Resident and InProgress say how it is now.
	Resident   bool `json:"resident"`
	InProgress int  `json:"inProgress"`
}

func (m *memory) counted() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := Counts{Slots: m.options.Slots, Waiting: m.waiting, Models: make(map[string]ModelCounts, len(m.models))}
	for name, e := range m.models {
		own := e.counts
		own.Resident, own.InProgress = e.state == resident, e.active
		counts.Models[name] = own
	}
	return counts
}

// CountsHandler answers GET with the Counts as JSON.
func (r *Router) CountsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodGet {
			http.Error(w, "only GET", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(r.memory.counted()) // the client may have gone
	})
}
