package recorder_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// call is what a gRPC client has of a call.
type call struct {
	header, trailer metadata.MD
	messages        [][]byte
	code            codes.Code
	message         string
	details         []any
}

// makeCall sends messages and takes all that comes.
func makeCall(ctx context.Context, t *testing.T, client *grpc.ClientConn, messages [][]byte, options ...grpc.CallOption) call {
	t.Helper()
	stream, err := client.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod, options...)
	require.NoError(t, err)
	for _, m := range messages {
		if err := stream.SendMsg(&m); err != nil {
			require.ErrorIs(t, err, io.EOF, "the server has answered")
			break
		}
	}
	require.NoError(t, stream.CloseSend())
	var c call
	for err == nil {
		var m []byte
		if err = stream.RecvMsg(&m); err == nil {
			c.messages = append(c.messages, m)
		}
	}
	if !errors.Is(err, io.EOF) {
		told := status.Convert(err)
		c.code, c.message, c.details = told.Code(), told.Message(), told.Details()
	}
	c.header, err = stream.Header()
	require.NoError(t, err)
	c.trailer = stream.Trailer()
	delete(c.header, "date") // which net/http adds
	return c
}

func TestGRPCCallsAreTheSameAsWithoutTheRecorder(t *testing.T) {
	big := *inferRequest("m", "1", 4_000_000)
	first := *inferRequest("m", "1", 10)
	detailed, err := status.New(codes.FailedPrecondition, "not now: ü\n%").WithDetails(wrapperspb.String("why"))
	require.NoError(t, err)
	told := func(err error) func(grpc.ServerStream) error { return func(grpc.ServerStream) error { return err } }
	for name, c := range map[string]struct {
		sent    [][]byte
		header  metadata.MD
		options []grpc.CallOption
		end     func(stream grpc.ServerStream) error
		model   string
	}{
		"no message":                     {model: "unknown"},
		"a message":                      {sent: [][]byte{first}, model: "m"},
		"many messages":                  {sent: slices.Repeat([][]byte{first}, 200), model: "m"},
		"an empty message after another": {sent: [][]byte{first, {}, first}, model: "m"},
		"a message of 4 MB":              {sent: [][]byte{big}, model: "m"},
		"metadata, binary and repeated": {sent: [][]byte{first}, model: "m",
			header: metadata.Pairs("x-a", "1", "x-a", "2", "x-bin", "\x00\xff,", "authorization", "Bearer x", "x-empty", "")},
		"compressed":                {sent: [][]byte{first, first}, options: []grpc.CallOption{grpc.UseCompressor(gzip.Name)}, model: "unknown"},
		"a status with details":     {sent: [][]byte{first}, end: told(detailed.Err()), model: "m"},
		"a status and nothing else": {sent: [][]byte{first}, end: func(grpc.ServerStream) error { return status.Error(codes.Aborted, "") }, model: "m"},
		"a long message of a status": {sent: [][]byte{first}, model: "m",
			end: told(status.Error(codes.Internal, strings.Repeat("x", 6000)))},
		"trailers": {sent: [][]byte{first}, model: "m", end: func(stream grpc.ServerStream) error {
			stream.SetTrailer(metadata.Pairs("x-sum", "7", "x-sum", "8", "x-sum-bin", "\x00\x01"))
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			requests := make(chan metadata.MD, 2)
			upstream, _ := serveGRPC(t, func(_ string, stream grpc.ServerStream) error {
				in, _ := metadata.FromIncomingContext(stream.Context())
				requests <- in
				if err := stream.SetHeader(metadata.Pairs("x-early", "yes", "x-early-bin", "\xfe\x00")); err != nil {
					return err
				}
				for {
					var m []byte
					err := stream.RecvMsg(&m)
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						return err
					}
					if err := stream.SendMsg(&m); err != nil {
						return err
					}
				}
				if c.end != nil {
					return c.end(stream)
				}
				return nil
			})
			s := inFrontOf(t, upstream, func(o *recorder.Options) { o.WaitLonger(moment) })
			ctx := metadata.NewOutgoingContext(t.Context(), c.header)
			direct := makeCall(ctx, t, dialGRPCAt(t, upstream), c.sent, c.options...)
			seen := <-requests
			require.Equal(t, direct, makeCall(ctx, t, dialGRPC(t, s), c.sent, c.options...))
			through := <-requests
			for _, added := range []string{"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"} {
				delete(through, added)
			}
			seen.Set(":authority", through.Get(":authority")...) // each client dialed another address
			require.Equal(t, seen, through)
			s.eventually(1, prometheus.Labels{"model": c.model, "protocol": "grpc", "code": direct.code.String()})
		})
	}
}

// A stream that outlasts the recorder's grace ends as one whose server goes away.
func TestGRPCStreamEndsWithTheRecorder(t *testing.T) {
	s, client, arrived := unheeding(t)
	stream, err := client.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod)
	require.NoError(t, err)
	require.NoError(t, stream.SendMsg(inferRequest("m", "", 10)))
	<-arrived
	s.stop(recorder.ErrStopped)
	var answer []byte
	require.Equal(t, codes.Unavailable, status.Code(stream.RecvMsg(&answer)))
	s.eventually(1, prometheus.Labels{"model": "m", "code": "Unavailable"})
}
