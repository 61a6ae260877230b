package router

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

// start makes a memory over a fake, in a bubble in which time passes only while everybody waits.
func start(t *testing.T, fake *fakeTriton, change func(*Options)) *memory {
	options := Options{Upstream: &url.URL{}, Slots: fake.slots, Out: progress.NewPrinter(t.Output())}
	if change != nil {
		change(&options)
	}
	options, err := options.withDefaults()
	require.NoError(t, err)
	m, err := newMemory(t.Context(), options, fake)
	require.NoError(t, err)
	t.Cleanup(m.close)
	return m
}

// serve takes one request through the memory and the fake.
func serve(ctx context.Context, m *memory, fake *fakeTriton, model string, takes time.Duration) (Start, error) {
	start, release, err := m.acquire(ctx, model)
	if err != nil {
		return start, err
	}
	defer release()
	fake.infer(model, takes)
	return start, nil
}

func mustServe(t *testing.T, m *memory, fake *fakeTriton, model string) Start {
	t.Helper()
	start, err := serve(t.Context(), m, fake, model, time.Millisecond)
	require.NoError(t, err, model)
	return start
}

// TestRequestsOneByOneMeetAnLRUCache compares with the plainest one there is.
func TestRequestsOneByOneMeetAnLRUCache(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			slots := 1 + random.IntN(4)
			models := []string{"a", "b", "c", "d", "e", "f"}
			fake := newFakeTriton(slots, models...)
			m := start(t, fake, nil)
			var cache []string // the last used one last
			hot, loads, evictions := 0, 0, 0
			for range 200 {
				model := models[min(int(random.ExpFloat64()*1.5), len(models)-1)]
				expected := Cold
				if at := slices.Index(cache, model); at >= 0 {
					expected = Hot
					hot++
					cache = slices.Delete(cache, at, at+1)
				} else {
					loads++
					if len(cache) == slots {
						cache = cache[1:]
						evictions++
					}
				}
				cache = append(cache, model)
				require.Equal(t, expected, mustServe(t, m, fake, model), "seed %d, %s of %v", seed, model, cache)
			}
			fake.requireNoViolations(t)
			total := totalOf(m.counted())
			require.EqualValues(t, hot, total.Hot)
			require.EqualValues(t, 200-hot, total.Cold)
			require.EqualValues(t, loads, total.Loads)
			require.EqualValues(t, evictions, total.Evictions)
		})
	}
}

func totalOf(counts Counts) ModelCounts {
	var total ModelCounts
	for _, c := range counts.Models {
		total.Hot += c.Hot
		total.Cold += c.Cold
		total.Refused += c.Refused
		total.Failed += c.Failed
		total.Abandoned += c.Abandoned
		total.Loads += c.Loads
		total.FailedLoads += c.FailedLoads
		total.Evictions += c.Evictions
		total.LoadedByOthers += c.LoadedByOthers
		total.UnloadedByOthers += c.UnloadedByOthers
		total.InProgress += c.InProgress
	}
	return total
}

func TestOneLoadForAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeTriton(1, "a")
		m := start(t, fake, nil)
		var done sync.WaitGroup
		for range 50 {
			done.Go(func() {
				start, err := serve(t.Context(), m, fake, "a", time.Millisecond)
				if start != Cold || err != nil {
					t.Errorf("%s, %v", start, err)
				}
			})
		}
		done.Wait()
		require.Equal(t, 1, fake.loadsOf("a"))
		require.Equal(t, Hot, mustServe(t, m, fake, "a"))
		fake.requireNoViolations(t)
	})
}

func TestABusyModelStaysAndItsSlotIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeTriton(2, "a", "b", "c")
		m := start(t, fake, func(o *Options) { o.Wait = 10 * time.Second })
		_, releaseA, err := m.acquire(t.Context(), "a")
		require.NoError(t, err)
		_, releaseB, err := m.acquire(t.Context(), "b")
		require.NoError(t, err)

		begin := time.Now()
		_, _, err = m.acquire(t.Context(), "c")
		var busy *busyError
		require.ErrorAs(t, err, &busy)
		require.ErrorContains(t, err, "the model c was not in memory within 10s")
		require.Equal(t, 10*time.Second, time.Since(begin))
		require.Zero(t, fake.loadsOf("c"), "nobody waits for it any more")

		time.AfterFunc(3*time.Second, releaseB)
		begin = time.Now()
		require.Equal(t, Cold, mustServe(t, m, fake, "c"))
		require.Less(t, time.Since(begin), 5*time.Second)
		releaseA()
		require.Equal(t, Hot, mustServe(t, m, fake, "a"), "b was let go first")
		counts := m.counted()
		require.EqualValues(t, 1, counts.Models["c"].Refused)
		require.EqualValues(t, 1, counts.Models["b"].Evictions)
		fake.requireNoViolations(t)
	})
}

func TestRoomForSeveralModelsIsMadeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeTriton(2, "a", "b", "c", "d")
		fake.unloadTime = func(string) time.Duration { return time.Second }
		m := start(t, fake, nil)
		mustServe(t, m, fake, "a")
		mustServe(t, m, fake, "b")
		begin := time.Now()
		var done sync.WaitGroup
		for _, model := range []string{"c", "d"} {
			done.Go(func() { _, _ = serve(t.Context(), m, fake, model, 0) })
		}
		done.Wait()
		require.Less(t, time.Since(begin), 2500*time.Millisecond, "an unload and a load take two seconds")
		fake.requireNoViolations(t)
	})
}

func TestAnAnswerThatIsOldIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeTriton(1, "a")
		fake.lookTime = time.Second
		fake.loadTime = func(string) time.Duration { return 200 * time.Millisecond }
		m := start(t, fake, nil)
		time.Sleep(watchEvery + 100*time.Millisecond) // the router has just asked
		require.Equal(t, Cold, mustServe(t, m, fake, "a"))
		time.Sleep(5 * watchEvery)
		require.Equal(t, Hot, mustServe(t, m, fake, "a"))
		require.Zero(t, m.counted().Models["a"].UnloadedByOthers)
	})
}

func TestAFailedLoadTellsWhyAndIsNotTriedAtOnceAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeTriton(1, "good", "bad")
		fake.refuse = func(model string) error {
			if model == "bad" {
				return errors.New("the weights are gone")
			}
			return nil
		}
		m := start(t, fake, func(o *Options) { o.RetryLoadAfter = 5 * time.Second })
		require.Equal(t, Cold, mustServe(t, m, fake, "good"))
		var failed *loadError
		for range 3 {
			start, err := serve(t.Context(), m, fake, "bad", 0)
			require.Equal(t, Cold, start)
			require.ErrorAs(t, err, &failed)
			require.ErrorContains(t, err, "the model bad could not be loaded: Triton answered 400 Bad Request: the weights are gone")
		}
		require.Equal(t, 1, fake.loadsOf("bad"))
		require.Equal(t, Cold, mustServe(t, m, fake, "good"), "it had to leave once")
		time.Sleep(5 * time.Second)
		_, err := serve(t.Context(), m, fake, "bad", 0)
		require.ErrorAs(t, err, &failed)
		require.Equal(t, 2, fake.loadsOf("bad"))
		counts := m.counted().Models["bad"]
		require.EqualValues(t, 4, counts.Failed)
		require.EqualValues(t, 2, counts.FailedLoads)
		require.Zero(t, counts.Loads)
		fake.requireNoViolations(t)
	})
}

func TestTheNumberOfThoseThatWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeTriton(1, "a")
		m := start(t, fake, func(o *Options) { o.MaxWaiting = 2 })
		var done sync.WaitGroup
		for range 2 {
			done.Go(func() { _, _ = serve(t.Context(), m, fake, "a", 0) })
		}
		synctest.Wait()
		_, _, err := m.acquire(t.Context(), "a")
		require.ErrorContains(t, err, "2 requests wait for a model already")
		done.Wait()
		require.Equal(t, Hot, mustServe(t, m, fake, "a"))
	})
}

func TestALoadWithoutAnAnswerIsLookedInto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeTriton(1, "a")
		fake.silent = func(string) bool { return true }
		m := start(t, fake, nil)
		require.Equal(t, Cold, mustServe(t, m, fake, "a"))
		require.Equal(t, Hot, mustServe(t, m, fake, "a"))
	})
}

func TestTritonGoesAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeTriton(1, "a", "b")
		m := start(t, fake, nil)
		require.Equal(t, Cold, mustServe(t, m, fake, "a"))
		fake.setDown(true)
		_, err := serve(t.Context(), m, fake, "b", 0)
		var busy *busyError
		require.ErrorAs(t, err, &busy)
		fake.put("a", absent) // it was restarted
		fake.setDown(false)
		time.Sleep(2 * watchEvery)
		require.Equal(t, Cold, mustServe(t, m, fake, "a"))
		fake.requireNoViolations(t)
	})
}

func TestWhatOthersDoToTheModelsIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeTriton(2, "a", "b", "c")
		fake.put("a", resident)
		m := start(t, fake, nil)
		require.Equal(t, Hot, mustServe(t, m, fake, "a"), "it was there before the router")
		fake.put("a", absent)
		fake.put("b", resident)
		fake.put("new", absent)
		_, _, err := m.acquire(t.Context(), "new")
		require.ErrorIs(t, err, errUnknownModel)
		time.Sleep(2 * watchEvery)
		require.Equal(t, Hot, mustServe(t, m, fake, "b"))
		require.Equal(t, Cold, mustServe(t, m, fake, "new"))
		require.Equal(t, Cold, mustServe(t, m, fake, "a"))
		counts := m.counted().Models
		require.EqualValues(t, 1, counts["a"].LoadedByOthers)
		require.EqualValues(t, 1, counts["a"].UnloadedByOthers)
		require.EqualValues(t, 1, counts["b"].LoadedByOthers)

		// More than fit: the router makes room for what may be there.
		for _, model := range []string{"a", "b", "c", "new"} {
			fake.put(model, resident)
		}
		time.Sleep(2 * watchEvery)
		states, err := fake.index(t.Context())
		require.NoError(t, err)
		inMemory := 0
		for _, s := range states {
			if s != absent {
				inMemory++
			}
		}
		require.Equal(t, 2, inMemory)
		fake.requireNoViolations(t)
	})
}

func TestClosingRefusesThoseThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeTriton(1, "a")
		m := start(t, fake, nil)
		failed := make(chan error)
		go func() {
			_, err := serve(t.Context(), m, fake, "a", 0)
			failed <- err
		}()
		synctest.Wait()
		go m.close()
		require.ErrorIs(t, <-failed, errClosed)
		_, _, err := m.acquire(t.Context(), "a")
		require.ErrorIs(t, err, errClosed)
	})
}
