package admission

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func begin(c *Controller, org int64, source string, class Class) *Request {
	return c.Begin(Tenant{org, source}, class)
}

// enter takes a slot that is free.
func enter(t *testing.T, r *Request, bytes int64) (leave func()) {
	t.Helper()
	leave, err := r.Enter(t.Context(), bytes)
	require.NoError(t, err)
	return leave
}

func requireBound(t *testing.T, want Bound, err error) {
	t.Helper()
	var limit *LimitError
	require.ErrorAs(t, err, &limit)
	require.Equal(t, want, limit.Bound, err)
}

// requireIdle demands that nothing is left of any request.
func requireIdle(t *testing.T, c *Controller) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Zero(t, c.memory)
	require.Zero(t, c.running)
	require.Zero(t, c.panels)
	require.Empty(t, c.waiters)
	require.Empty(t, c.orgs)
}

func TestAnotherOrganizationAlwaysFindsASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Limits{})
		loud := begin(c, 1, "a", Panel)
		var leaves []func()
		for range defaultSlots - 1 {
			leaves = append(leaves, enter(t, loud, 0))
		}
		go func() { // one more has to wait, whatever its data source
			leave, err := begin(c, 1, "b", Panel).Enter(t.Context(), 0)
			if err == nil {
				leave()
			}
		}()
		synctest.Wait()
		started := time.Now()
		enter(t, begin(c, 2, "a", Panel), 0)()
		enter(t, begin(c, 2, "a", Alert), 0)()
		enter(t, begin(c, 1, "a", Alert), 0)()
		require.Zero(t, time.Since(started))
		for _, leave := range leaves {
			leave()
		}
		synctest.Wait()
		requireIdle(t, c)
	})
}

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Limits{Slots: 1, AlertSlots: 1})
		leave := enter(t, begin(c, 1, "a", Panel), 0)
		leaveAlert := enter(t, begin(c, 4, "a", Alert), 0)
		var mu sync.Mutex
		var order []string
		wait := func(name string, r *Request) {
			go func() {
				leave, err := r.Enter(t.Context(), 0)
				if err != nil {
					return
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				time.Sleep(time.Second)
				leave()
			}()
			synctest.Wait()
		}
		wait("1a", begin(c, 1, "a", Panel))
		wait("1a again", begin(c, 1, "a", Panel))
		wait("2a", begin(c, 2, "a", Panel))
		wait("2a again", begin(c, 2, "a", Panel))
		wait("3 alert", begin(c, 3, "a", Alert))
		require.Empty(t, order)
		leaveAlert()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"3 alert"}, order, "an alert rule takes the slot that is for alert rules; panels do not")
		leave()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"3 alert", "2a", "1a", "2a again", "1a again"}, order, "organisations take turns, beginning with the one that had none")
		requireIdle(t, c)
	})
}

func TestAlertRulesComeBeforePanels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Limits{Slots: 1, AlertSlots: 1})
		first, second := enter(t, begin(c, 1, "a", Alert), 0), enter(t, begin(c, 2, "a", Panel), 0)
		granted := make(chan Class, 2)
		for _, class := range []Class{Panel, Alert} {
			go func() {
				leave, err := begin(c, 3, "a", class).Enter(t.Context(), 0)
				if err == nil {
					granted <- class
					leave()
				}
			}()
			synctest.Wait()
		}
		second()
		require.Equal(t, Alert, <-granted)
		first()
		require.Equal(t, Panel, <-granted)
	})
}

func TestOneOrganizationsAlertRulesLeaveASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Limits{Slots: 2, AlertSlots: 1})
		for range 2 {
			enter(t, begin(c, 1, "a", Alert), 0)
		}
		_, err := begin(c, 1, "a", Alert).Enter(t.Context(), 0)
		requireBound(t, Slots, err)
		enter(t, begin(c, 2, "a", Alert), 0)
	})
}

func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Limits{Slots: 1, Waiting: 2})
		leave := enter(t, begin(c, 1, "a", Panel), 0)
		r := begin(c, 1, "a", Panel)

		cancelled, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		started := time.Now()
		_, err := r.Enter(cancelled, 0)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, time.Second, time.Since(started), "who is cancelled leaves at once")

		started = time.Now()
		_, err = r.Enter(t.Context(), 0)
		requireBound(t, Slots, err)
		require.True(t, err.(*LimitError).Busy()) //nolint:errorlint // just checked
		require.Equal(t, defaultWait, time.Since(started))
		require.ErrorContains(t, err, "waited 20s for one of the plugin's 1 query slots")

		for range 2 {
			go func() { _, _ = r.Enter(t.Context(), 0) }()
		}
		synctest.Wait()
		_, err = r.Enter(t.Context(), 0)
		requireBound(t, WaitingQueries, err)
		leave()
	})
}

func TestMemoryIsTakenBeforeAndGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Limits{Memory: 1000, AlertMemory: 100, OrganizationMemory: 600, RequestMemory: 400})
		r := begin(c, 1, "a", Panel)
		require.NoError(t, r.Take(t.Context(), 300))
		err := r.Take(t.Context(), 101)
		requireBound(t, RequestMemory, err)
		require.False(t, err.(*LimitError).Busy()) //nolint:errorlint // just checked

		_, err = r.Enter(t.Context(), 601)
		requireBound(t, EvaluationMemory, err)
		started := time.Now()
		_, err = r.Enter(t.Context(), 301)
		requireBound(t, OrganizationMemory, err)
		require.Equal(t, defaultWait, time.Since(started))

		other := begin(c, 2, "a", Panel)
		leave := enter(t, other, 600)
		third := begin(c, 3, "a", Panel)
		requireBound(t, ProcessMemory, third.Take(t.Context(), 1))
		alert := begin(c, 3, "a", Alert)
		require.NoError(t, alert.Take(t.Context(), 100), "alert rules have memory of their own")
		_, ok := alert.TryGrow(1)
		require.False(t, ok)

		go func() {
			time.Sleep(time.Second)
			leave()
		}()
		started = time.Now()
		require.NoError(t, third.Take(t.Context(), 200), "it waits for memory")
		require.Equal(t, time.Second, time.Since(started))
		shrink, ok := alert.TryGrow(50)
		require.True(t, ok)
		shrink()
		leave()
		for _, one := range []*Request{r, other, third, alert} {
			one.End()
			one.End()
		}
		require.NoError(t, third.Take(t.Context(), 10), "a straggler")
		requireIdle(t, c)
	})
}

func TestGarbageIsCollectedSoonerWhileMuchIsTaken(t *testing.T) {
	c := New(Limits{Memory: 800})
	var calls []bool
	c.pressure = func(high bool) { calls = append(calls, high) }
	r := begin(c, 1, "a", Panel)
	for range 3 {
		require.NoError(t, r.Take(t.Context(), 100))
	}
	r.End()
	require.Equal(t, []bool{true, false}, calls)
}

func TestRequestsWithoutOneInTheContext(t *testing.T) {
	require.Nil(t, FromContext(t.Context()))
	require.NoError(t, FromContext(t.Context()).Take(t.Context(), 1<<60))
	r := begin(New(Limits{}), 1, "a", Panel)
	require.Same(t, r, FromContext(WithRequest(t.Context(), r)))
}

// TestBoundsHoldUnderLoad has many requests of several organisations enter, take, leave, give up and end in any order.
func TestBoundsHoldUnderLoad(t *testing.T) {
	limits := Limits{Slots: 3, AlertSlots: 1, Memory: 1000, Wait: 20 * time.Millisecond, MemoryWait: 5 * time.Millisecond}
	c := New(limits)
	c.pressure = func(bool) {}
	limits = c.limits
	check := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.memory > limits.Memory || c.panels > limits.Slots || c.running > limits.Slots+limits.AlertSlots || c.memory < 0 {
			t.Errorf("%d bytes, %d panels of %d running", c.memory, c.panels, c.running)
		}
		for org, u := range c.orgs {
			if u.memory > limits.OrganizationMemory+limits.AlertMemory || u.memory < 0 || u.slots() > limits.Slots+limits.AlertSlots-1 {
				t.Errorf("organisation %d: %d bytes, %d slots", org, u.memory, u.slots())
			}
		}
	}
	var all sync.WaitGroup
	for worker := range 24 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 150 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(10))*time.Millisecond)
				r := c.Begin(Tenant{int64(random.IntN(4)), "a"}, Class(random.IntN(3)))
				leave, err := r.Enter(ctx, int64(random.IntN(500)))
				check()
				if err == nil {
					_ = r.Take(ctx, int64(random.IntN(300)))
					if random.IntN(4) == 0 {
						time.Sleep(time.Duration(random.IntN(1000)) * time.Microsecond)
					}
					leave()
				}
				var limit *LimitError
				if err != nil && !errors.As(err, &limit) && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				check()
				r.End()
				cancel()
			}
		})
	}
	all.Wait()
	requireIdle(t, c)
}

// TestPanelsLeaveMemoryToAlertRulesOfTheirOrganization fills what panels of an organisation may take.
func TestPanelsLeaveMemoryToAlertRulesOfTheirOrganization(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Limits{})
		panels := begin(c, 1, "a", Panel)
		require.NoError(t, panels.Take(t.Context(), c.limits.RequestMemory))
		more := begin(c, 1, "a", Panel)
		require.NoError(t, more.Take(t.Context(), c.limits.OrganizationMemory-c.limits.RequestMemory))
		requireBound(t, OrganizationMemory, begin(c, 1, "a", Panel).Take(t.Context(), 1))

		alert := begin(c, 1, "a", Alert)
		leave := enter(t, alert, 1<<20)
		require.NoError(t, alert.Take(t.Context(), 1<<20))
		leave()
		alert.End()
		panels.End()
		more.End()
		requireIdle(t, c)
	})
}
