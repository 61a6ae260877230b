package storage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/storage"
)

func TestRefusalsAreCountedByReason(t *testing.T) {
	var r storage.Refusals
	begin := time.Unix(1000, 0)
	r.Add(storage.OutOfOrder, "b", 2, "older than 12:00", begin)
	r.Add(storage.OutOfOrder, "a", 3, "", begin.Add(time.Minute))
	r.Add(storage.DiskFull, "a", 0, "nothing", begin)
	r.Add(storage.DiskFull, "", 7, "no space left on device", begin)
	require.Equal(t, []storage.Refusal{
		{Reason: storage.DiskFull, Samples: 7, First: begin, Last: begin, Detail: "no space left on device"},
		{Reason: storage.OutOfOrder, Samples: 5, First: begin, Last: begin.Add(time.Minute), Targets: []string{"a", "b"}, Detail: "older than 12:00"},
	}, r.All())
	require.Equal(t, []storage.Refusal{r.All()[1]}, r.Since(begin.Add(time.Second)))
}

func TestRefusalsNameAFewTargets(t *testing.T) {
	var r storage.Refusals
	for i := range 3 * storage.MaxTargets {
		r.Add(storage.TooOld, fmt.Sprint("job", i), 1, "", time.Unix(int64(i), 0))
	}
	require.Len(t, r.All()[0].Targets, storage.MaxTargets)
	require.EqualValues(t, 3*storage.MaxTargets, r.All()[0].Samples)
}
