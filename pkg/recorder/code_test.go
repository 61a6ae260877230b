package recorder

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// What net/http says of a client that ended its stream may come before the request's context ends.
func TestFailuresOfTheClientsBody(t *testing.T) {
	transport := errors.New("write failed")
	for text, want := range map[string]failure{
		"stream error: stream ID 1; CANCEL; received from peer": clientGone,
		"client disconnected":                clientGone,
		"http: invalid byte in chunk length": clientBroken,
		"http: request body too large":       clientBroken,
	} {
		require.Equal(t, want, failureOf(context.Background(), transport, errors.New(text)), text)
	}
	require.Equal(t, clientGone, failureOf(context.Background(), transport, io.ErrUnexpectedEOF))
	require.Equal(t, clientSilent, failureOf(context.Background(), transport, errClientSilent))
	require.Equal(t, serverGone, failureOf(context.Background(), transport, nil))
}
