package router

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestManyRequestsAtOnce lets many clients with all their habits loose, and looks at what must hold whatever happens.
func TestManyRequestsAtOnce(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) { manyRequests(t, seed) })
	}
}

// dice are safe for concurrent use.
type dice struct {
	mu     sync.Mutex
	random *rand.Rand
}

func (d *dice) chance(share float64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.Float64() < share
}

func (d *dice) upTo(longest time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.random.Int64N(int64(longest)))
}

// unreliable makes a fake Triton slow, and fail now and then.
func (d *dice) unreliable(fake *fakeTriton) {
	fake.loadTime = func(string) time.Duration { return d.upTo(2 * time.Second) }
	fake.unloadTime = func(string) time.Duration { return d.upTo(300 * time.Millisecond) }
	fake.refuse = func(string) error {
		if d.chance(0.1) {
			return errors.New("out of luck")
		}
		return nil
	}
	fake.silent = func(string) bool { return d.chance(0.1) }
}

func manyRequests(t *testing.T, seed uint64) {
	const clients, requests = 30, 15
	random := rand.New(rand.NewPCG(seed, 2))
	models := []string{"a", "b", "c", "d", "e", "f", "g"}
	fake := newFakeTriton(1+random.IntN(4), models...)
	d := &dice{random: random}
	d.unreliable(fake)
	m := start(t, fake, func(o *Options) { o.Wait, o.MaxWaiting, o.RetryLoadAfter = 4*time.Second, 20, time.Second })

	var done sync.WaitGroup
	var outcomes sync.Map
	for client := range clients {
		done.Go(func() {
			for i := range requests {
				time.Sleep(d.upTo(3 * time.Second))
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if d.chance(0.2) {
					ctx, cancel = context.WithTimeout(ctx, d.upTo(2*time.Second))
				}
				model := models[min(int(d.upTo(20)*d.upTo(20))/40, len(models)-1)]
				begin := time.Now()
				start, release, err := m.acquire(ctx, model)
				if took := time.Since(begin); took > 4*time.Second {
					t.Errorf("a request waited for %s", took)
				}
				if err == nil {
					fake.infer(model, d.upTo(500*time.Millisecond))
					release()
				}
				cancel()
				outcomes.Store(fmt.Sprint(client, "/", i), outcome{start, err})
			}
		})
	}
	done.Wait()
	synctest.Wait()
	time.Sleep(5 * time.Second) // what is under way ends
	fake.requireNoViolations(t)
	requireCounts(t, m, fake, countsOf(&outcomes), clients*requests)
}

// countsOf are the clients' own counts of what came of their requests.
func countsOf(outcomes *sync.Map) ModelCounts {
	var seen ModelCounts
	outcomes.Range(func(_, value any) bool {
		o := value.(outcome)
		var busy *busyError
		var failed *loadError
		switch o.start {
		case Hot:
			seen.Hot++
		case Cold:
			seen.Cold++
		}
		switch {
		case errors.As(o.err, &busy):
			seen.Refused++
		case errors.As(o.err, &failed):
			seen.Failed++
		case o.err != nil:
			seen.Abandoned++
		}
		return true
	})
	return seen
}

// requireCounts compares what the router counted with what its clients and its Triton saw.
func requireCounts(t *testing.T, m *memory, fake *fakeTriton, seen ModelCounts, requests int) {
	t.Helper()
	counts := m.counted()
	total := totalOf(counts)
	require.EqualValues(t, requests, total.Hot+total.Cold)
	require.Equal(t, seen.Hot, total.Hot)
	require.Equal(t, seen.Cold, total.Cold)
	require.Equal(t, seen.Refused, total.Refused)
	require.Equal(t, seen.Failed, total.Failed)
	require.Equal(t, seen.Abandoned, total.Abandoned)
	require.Zero(t, total.InProgress)
	require.Zero(t, counts.Waiting)
	require.Empty(t, m.queue)
	for model, c := range counts.Models {
		require.EqualValues(t, fake.loads[model], c.Loads+c.FailedLoads, model)
		require.EqualValues(t, fake.unloads[model], c.Evictions, model)
		require.Equal(t, fake.states[model] == resident, c.Resident, model)
		inMemory := c.Loads - c.Evictions
		require.Equal(t, c.Resident, inMemory == 1, "%s: %d", model, inMemory)
		require.Contains(t, []int64{0, 1}, inMemory, model)
	}
	require.Zero(t, total.LoadedByOthers+total.UnloadedByOthers)
}

type outcome struct {
	start Start
	err   error
}
