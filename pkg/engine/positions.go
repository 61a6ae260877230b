package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
	"github.com/coldhit/modelserving-datasource/pkg/state"
)

const (
	// positionsKey is the positions of remote write in an engine's state.
	positionsKey = "remote_write"
	// maxPositions is how many destinations are remembered: the ones that were written to last.
	maxPositions = 16
)

// positions are how far samples were sent to each destination of remote write, in the engine's state.
type positions struct{ state *state.Store }

var _ remotewrite.Positions = positions{}

// storedPositions is their JSON form, the newest last.
type storedPositions struct {
	Positions []storedPosition `json:"positions"`
}

// storedPosition names its destination by a hash: a URL may hold more than others should read. Times are unix milliseconds.
type storedPosition struct {
	Destination string `json:"destination"`
	Sent        int64  `json:"sent"`
	Sending     int64  `json:"sending,omitempty"`
	Stored      int64  `json:"stored"`
}

// Position is that of remotewrite.Positions.
func (p positions) Position(destination string) (remotewrite.Position, error) {
	all, err := p.read()
	if i := all.find(destination); i >= 0 {
		return remotewrite.Position{Sent: all.Positions[i].Sent, Sending: all.Positions[i].Sending}, err
	}
	return remotewrite.Position{}, err
}

// StorePosition is that of remotewrite.Positions. There is one sender at a time.
func (p positions) StorePosition(destination string, at remotewrite.Position) error {
	all, _ := p.read() // what is damaged is replaced
	if i := all.find(destination); i >= 0 {
		all.Positions = slices.Delete(all.Positions, i, i+1)
	}
	all.Positions = append(all.Positions, storedPosition{Destination: hashOf(destination), Sent: at.Sent, Sending: at.Sending, Stored: time.Now().UnixMilli()})
	all.Positions = all.Positions[max(0, len(all.Positions)-maxPositions):]
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return p.state.Put(positionsKey, text)
}

// read returns all positions, and beside an error those that can be read.
func (p positions) read() (all storedPositions, err error) {
	text, err := p.state.Get(positionsKey)
	if len(text) == 0 {
		return all, err
	}
	if faulty := json.Unmarshal(text, &all); faulty != nil {
		return storedPositions{}, errors.Join(err, fmt.Errorf("the positions of remote write are not JSON: %w", faulty))
	}
	return all, err
}

// find is the index of a destination, -1 if it is unknown.
func (all storedPositions) find(destination string) int {
	hash := hashOf(destination)
	return slices.IndexFunc(all.Positions, func(one storedPosition) bool { return one.Destination == hash })
}

func hashOf(destination string) string {
	sum := sha256.Sum256([]byte(destination))
	return hex.EncodeToString(sum[:])
}
