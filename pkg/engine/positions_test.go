package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
	"github.com/coldhit/modelserving-datasource/pkg/state"
)

const destinationA, destinationB = "http://a/api/v1/write", "http://b/secret-path/write"

func TestPositionsAreKeptForEachDestination(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	before := positions{state.Open(folder)}
	at, err := before.Position(destinationA)
	require.NoError(t, err)
	require.Zero(t, at)
	require.NoError(t, before.StorePosition(destinationA, remotewrite.Position{Sent: 1, Sending: 2}))
	require.NoError(t, before.StorePosition(destinationB, remotewrite.Position{Sent: 3}))
	require.NoError(t, before.StorePosition(destinationA, remotewrite.Position{Sent: 4}))
	after := positions{state.Open(folder)}
	at, err = after.Position(destinationA)
	require.NoError(t, err)
	require.Equal(t, remotewrite.Position{Sent: 4}, at)
	at, err = after.Position(destinationB)
	require.NoError(t, err)
	require.Equal(t, remotewrite.Position{Sent: 3}, at)
	text, err := os.ReadFile(filepath.Join(folder, positionsKey, "00000001"))
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret-path")
}

func TestTheNumberOfPositionsIsBounded(t *testing.T) {
	t.Parallel()
	p := positions{state.Open(t.TempDir())}
	for i := range 3 * maxPositions {
		require.NoError(t, p.StorePosition(fmt.Sprint("http://", i), remotewrite.Position{Sent: int64(i)}))
		require.NoError(t, p.StorePosition(destinationA, remotewrite.Position{Sent: int64(i)}))
	}
	all, err := p.read()
	require.NoError(t, err)
	require.Len(t, all.Positions, maxPositions)
	require.GreaterOrEqual(t, all.find(destinationA), 0, "the one in use stays")
}

func TestPositionsThatCannotBeReadAreSaid(t *testing.T) {
	t.Parallel()
	p := positions{state.Open(t.TempDir())}
	require.NoError(t, p.state.Put(positionsKey, []byte("nonsense")))
	at, err := p.Position(destinationA)
	require.ErrorContains(t, err, "not JSON")
	require.Zero(t, at)
	require.NoError(t, p.StorePosition(destinationA, remotewrite.Position{Sent: 1}))
	at, err = p.Position(destinationA)
	require.NoError(t, err)
	require.EqualValues(t, 1, at.Sent)
}
