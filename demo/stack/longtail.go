package stack

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
	"github.com/coldhit/modelserving-datasource/demo/freeport"
	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/router"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
	"github.com/coldhit/modelserving-datasource/demo/triton"
)

// longTail is the deployment with more models than fit into memory: a recorder in front of a router in front of a Triton.
type longTail struct {
	// RecorderURL takes the requests and RecorderMetricsURL has the metrics of them. RouterURL, TritonURL and
	// MetricsURL are those of what is behind it.
	RecorderURL, RecorderMetricsURL, RouterURL, TritonURL, MetricsURL string

	router *router.Router
}

// tailPorts are those of the router, of the recorder and of the recorder's metrics. With the same ports at every start, the
// recorder is the same replica.
var tailPorts = []int{8020, 8021, 8022}

// tailWait bounds how long the router lets a request wait for its model.
const tailWait = 20 * time.Second

// startLongTail starts it in order, the server first, and returns when the recorder takes requests. What it returns is to be
// closed even where it failed.
func startLongTail(ctx context.Context, s *Stack, installation *triton.Installation, recorder, folder string) (*longTail, error) {
	tail := &longTail{}
	models := fleet.Tail()
	server, err := triton.StartOnDemand(&s.group, installation, folder, models)
	if err != nil {
		return tail, err
	}
	tail.TritonURL, tail.MetricsURL = server.HTTP, server.Metrics
	if err := server.WaitReady(ctx); err != nil {
		return tail, err
	}
	s.out.Printf("Long tail: Triton with %d models, %d fit into memory, metrics at %s", len(models), fleet.TailSlots, server.Metrics)
	ports, err := freeport.Prefer(tailPorts...)
	if err != nil {
		return tail, err
	}
	if err := tail.startRouter(ctx, s.endpoints, ports[0], s.out); err != nil {
		return tail, err
	}
	s.out.Printf("Long tail: router at %s", tail.RouterURL)
	if err := tail.startRecorder(ctx, &s.group, recorder, folder, ports[1], ports[2]); err != nil {
		return tail, err
	}
	s.out.Printf("Long tail: recorder at %s, metrics at %s", tail.RecorderURL, tail.RecorderMetricsURL)
	return tail, nil
}

func (t *longTail) startRouter(ctx context.Context, endpoints *endpoints, port int, out *progress.Printer) error {
	upstream, err := url.Parse(t.TritonURL)
	if err != nil {
		return err
	}
	t.router, err = router.New(ctx, router.Options{Upstream: upstream, Slots: fleet.TailSlots, Wait: tailWait, Out: out})
	if err != nil {
		return fmt.Errorf("start the router: %w", err)
	}
	t.RouterURL, err = endpoints.serve("router", port, t.router)
	return err
}

func (t *longTail) startRecorder(ctx context.Context, group *supervise.Group, program, folder string, port, adminPort int) error {
	t.RecorderURL = fmt.Sprintf("http://127.0.0.1:%d", port)
	admin := fmt.Sprintf("http://127.0.0.1:%d", adminPort)
	t.RecorderMetricsURL = admin + "/metrics"
	process, err := group.Start(supervise.Spec{
		Name: "recorder", Path: program, Dir: folder, LogPath: filepath.Join(folder, "recorder.log"),
		Args: []string{
			"--upstream=" + t.RouterURL,
			fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port),
			fmt.Sprintf("--admin=127.0.0.1:%d", adminPort),
			"--cold-header=" + router.DefaultStartHeader,
		},
	})
	if err != nil {
		return err
	}
	return process.AwaitOK(ctx, admin+"/healthz", programTimeout)
}

// programTimeout bounds the start of a program of the project's own, which takes a moment.
const programTimeout = 30 * time.Second

// close ends the router.
func (t *longTail) close() {
	if t.router != nil {
		t.router.Close()
	}
}
