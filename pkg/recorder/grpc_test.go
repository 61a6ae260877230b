package recorder_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

const (
	inferMethod  = "/inference.GRPCInferenceService/ModelInfer"
	streamMethod = "/inference.GRPCInferenceService/ModelStreamInfer"
)

// rawCodec passes messages as bytes, so that no generated code is needed.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil //nolint:forcetypeassert // a test's own messages
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize() //nolint:forcetypeassert // a test's own messages
	return nil
}

// inferRequest is an inference request of the Open Inference Protocol with a body that is not looked at.
func inferRequest(model, version string, size int) *[]byte {
	var b []byte
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendString(b, model)
	if version != "" {
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		b = protowire.AppendString(b, version)
	}
	b = protowire.AppendTag(b, 7, protowire.BytesType)
	b = protowire.AppendString(b, strings.Repeat("x", size))
	return &b
}

// serveGRPC starts a gRPC server of the real library and answers its URL.
func serveGRPC(t *testing.T, handler func(method string, stream grpc.ServerStream) error) (string, *grpc.Server) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		return handler(method, stream)
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return "http://" + listener.Addr().String(), server
}

// inFrontOfGRPC starts a gRPC server, a recorder in front of it and a client of it.
func inFrontOfGRPC(t *testing.T, handler func(method string, stream grpc.ServerStream) error) (*stand, *grpc.ClientConn, *grpc.Server) {
	t.Helper()
	upstream, server := serveGRPC(t, handler)
	s := inFrontOf(t, upstream, nil)
	return s, dialGRPC(t, s), server
}

func dialGRPC(t *testing.T, s *stand) *grpc.ClientConn {
	t.Helper()
	return dialGRPCAt(t, s.url)
}

func dialGRPCAt(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	client, err := grpc.NewClient(strings.TrimPrefix(address, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func echoOnce(_ string, stream grpc.ServerStream) error {
	var message []byte
	if err := stream.RecvMsg(&message); err != nil {
		return err
	}
	stream.SetTrailer(metadata.Pairs("x-trailer", "seen"))
	return stream.SendMsg(&message)
}

func TestGRPC(t *testing.T) {
	s, client, _ := inFrontOfGRPC(t, echoOnce)
	var answer []byte
	var trailer metadata.MD
	question := inferRequest("resnet", "3", 100_000)
	require.NoError(t, client.Invoke(t.Context(), inferMethod, question, &answer, grpc.Trailer(&trailer)))
	require.Equal(t, *question, answer)
	require.Equal(t, []string{"seen"}, trailer.Get("x-trailer"))
	s.eventually(1, prometheus.Labels{"model": "resnet", "version": "3", "protocol": "grpc", "code": "OK"})
	require.InDelta(t, len(answer)+5, s.sum("modelserving_request_size_bytes", nil), 0)
	require.InDelta(t, len(answer)+5, s.sum("modelserving_response_size_bytes", nil), 0)

	require.NoError(t, client.Invoke(t.Context(), "/inference.GRPCInferenceService/ServerReady", question, &answer))
	require.Eventually(t, func() bool {
		return s.count("modelserving_recorder_unmatched_requests_total", prometheus.Labels{"protocol": "grpc", "code": "OK"}) == 1
	}, patience, moment)
}

func TestGRPCWithoutAModel(t *testing.T) {
	s, client, _ := inFrontOfGRPC(t, echoOnce)
	var answer []byte
	require.NoError(t, client.Invoke(t.Context(), inferMethod, inferRequest("compressed", "", 1000), &answer, grpc.UseCompressor(gzip.Name)))
	broken := []byte{0xff, 0xff, 0xff}
	require.NoError(t, client.Invoke(t.Context(), inferMethod, &broken, &answer))
	require.NoError(t, client.Invoke(t.Context(), inferMethod, &[]byte{}, &answer))
	require.NoError(t, client.Invoke(t.Context(), inferMethod, inferRequest(strings.Repeat("x", 9000), "", 1), &answer))
	s.eventually(4, prometheus.Labels{"model": "unknown", "code": "OK"})
}

func TestGRPCStatusPasses(t *testing.T) {
	for name, test := range map[string]struct {
		code codes.Code
		want string
	}{
		"with a name":    {codes.NotFound, "NotFound"},
		"without a name": {codes.Code(77), "Code(77)"},
	} {
		t.Run(name, func(t *testing.T) {
			s, client, _ := inFrontOfGRPC(t, func(string, grpc.ServerStream) error { return status.Error(test.code, "no such model: ä") })
			var answer []byte
			err := client.Invoke(t.Context(), inferMethod, inferRequest("m", "", 1), &answer)
			require.Equal(t, test.code, status.Code(err))
			require.Equal(t, "no such model: ä", status.Convert(err).Message())
			s.eventually(1, prometheus.Labels{"model": "m", "protocol": "grpc", "code": test.want})
		})
	}
}

func TestGRPCStreamsInBothDirections(t *testing.T) {
	s, client, _ := inFrontOfGRPC(t, func(_ string, stream grpc.ServerStream) error {
		if err := stream.SendHeader(metadata.Pairs("x-early", "yes")); err != nil {
			return err
		}
		for {
			var message []byte
			err := stream.RecvMsg(&message)
			if errors.Is(err, io.EOF) {
				return status.Error(codes.ResourceExhausted, "enough")
			}
			if err != nil {
				return err
			}
			if err := stream.SendMsg(&message); err != nil {
				return err
			}
		}
	})
	stream, err := client.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod)
	require.NoError(t, err)
	header, err := stream.Header()
	require.NoError(t, err, "the header comes before anything was sent")
	require.Equal(t, []string{"yes"}, header.Get("x-early"))
	for range 10 {
		require.NoError(t, stream.SendMsg(inferRequest("m", "", 10)))
		var answer []byte
		require.NoError(t, stream.RecvMsg(&answer))
	}
	require.InDelta(t, 1, s.count(concurrent, prometheus.Labels{"model": "m"}), 0)
	require.NoError(t, stream.CloseSend())
	var answer []byte
	require.Equal(t, codes.ResourceExhausted, status.Code(stream.RecvMsg(&answer)))
	s.eventually(1, prometheus.Labels{"model": "m", "code": "ResourceExhausted"})
}

func TestGRPCServerEndsAStreamThatItsClientKeepsOpen(t *testing.T) {
	s, client, _ := inFrontOfGRPC(t, func(_ string, stream grpc.ServerStream) error {
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			return err
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
		return status.Error(codes.OutOfRange, "one is enough")
	})
	stream, err := client.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod)
	require.NoError(t, err)
	require.NoError(t, stream.SendMsg(inferRequest("m", "", 10)))
	var answer []byte
	require.NoError(t, stream.RecvMsg(&answer))
	require.Equal(t, codes.OutOfRange, status.Code(stream.RecvMsg(&answer)))
	s.eventually(1, prometheus.Labels{"model": "m", "code": "OutOfRange"})
}

func TestGRPCUpstreamGone(t *testing.T) {
	s := inFrontOf(t, "http://127.0.0.1:1", nil)
	var answer []byte
	err := dialGRPC(t, s).Invoke(t.Context(), inferMethod, inferRequest("m", "", 1), &answer)
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.Contains(t, err.Error(), "The model server is unreachable")
	s.eventually(1, prometheus.Labels{"model": "m", "protocol": "grpc", "code": "Unavailable"})
}

func TestGRPCServerDiesMidStream(t *testing.T) {
	var server *grpc.Server
	s, client, started := inFrontOfGRPC(t, func(_ string, stream grpc.ServerStream) error {
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			return err
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
		<-stream.Context().Done()
		return nil
	})
	server = started
	stream, err := client.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod)
	require.NoError(t, err)
	require.NoError(t, stream.SendMsg(inferRequest("m", "", 10)))
	var answer []byte
	require.NoError(t, stream.RecvMsg(&answer))
	server.Stop()
	require.Equal(t, codes.Unavailable, status.Code(stream.RecvMsg(&answer)), "as without the recorder")
	s.eventually(1, prometheus.Labels{"model": "m", "code": "Unavailable"})
}

// A server that answers before its client has sent anything: with the client's first message, the call counts for its
// model, and a client that sends none has its answer nevertheless.
func TestGRPCServerAnswersBeforeItsClientSpeaks(t *testing.T) {
	for name, test := range map[string]struct {
		speaks bool
		change func(*recorder.Options)
		model  string
	}{
		"then it speaks":  {true, nil, "m"},
		"it never speaks": {false, func(o *recorder.Options) { o.WaitLonger(moment) }, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			answered := make(chan struct{})
			upstream, _ := serveGRPC(t, func(string, grpc.ServerStream) error {
				defer close(answered)
				return status.Error(codes.Unauthenticated, "who are you?")
			})
			s := inFrontOf(t, upstream, test.change)
			stream, err := dialGRPC(t, s).NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod)
			require.NoError(t, err)
			<-answered
			if test.speaks {
				require.NoError(t, stream.SendMsg(inferRequest("m", "", 10)))
			}
			var answer []byte
			require.Equal(t, codes.Unauthenticated, status.Code(stream.RecvMsg(&answer)))
			s.eventually(1, prometheus.Labels{"model": test.model, "code": "Unauthenticated"})
		})
	}
}

// unheeding is a gRPC server that does not look whether its client is still there, until the test ends.
func unheeding(t *testing.T) (s *stand, client *grpc.ClientConn, arrived <-chan struct{}) {
	t.Helper()
	arriving, released := make(chan struct{}, 1), make(chan struct{})
	s, client, _ = inFrontOfGRPC(t, func(_ string, stream grpc.ServerStream) error {
		var message []byte
		err := stream.RecvMsg(&message)
		arriving <- struct{}{}
		<-released
		return err
	})
	t.Cleanup(func() { close(released) })
	return s, client, arriving
}

func TestGRPCClientCancels(t *testing.T) {
	s, client, arrived := unheeding(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	var answer []byte
	require.Equal(t, codes.Canceled, status.Code(client.Invoke(ctx, inferMethod, inferRequest("m", "", 1), &answer)))
	s.eventually(1, prometheus.Labels{"model": "m", "code": "Canceled"})
}

// How long a client waits is known, but not how long its call was under way: a call that took nearly all of its time before it
// arrived counts as canceled. On a slow machine that takes a longer deadline to avoid.
func TestGRPCDeadlinePasses(t *testing.T) {
	for deadline := 200 * time.Millisecond; ; deadline *= 3 {
		require.Less(t, deadline, patience)
		s, client, _ := unheeding(t)
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		var answer []byte
		require.Equal(t, codes.DeadlineExceeded, status.Code(client.Invoke(ctx, inferMethod, inferRequest("m", "", 1), &answer)))
		cancel()
		counted := func() bool { return s.count(requests, nil) == 1 }
		for begin := time.Now(); !counted() && time.Since(begin) < deadline; {
			time.Sleep(moment)
		}
		if !counted() {
			continue // it may have never been sent
		}
		if s.count(requests, prometheus.Labels{"code": "DeadlineExceeded"}) == 1 {
			return
		}
		s.eventually(1, prometheus.Labels{"code": "Canceled"})
		require.Less(t, s.sum("modelserving_response_time_seconds", nil), 0.95*deadline.Seconds(), "it was here for nearly as long as its deadline")
	}
}
