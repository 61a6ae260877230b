package recorder

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestResidencyTellsThePath(t *testing.T) {
	const ready, absent = 'r', '-'
	for name, test := range map[string]struct {
		polls             string // one each second, from second 0
		arrived, answered float64
		want              Start
	}{
		"ready before and after":                           {"rrrr", 0.5, 0.7, Hot},
		"ready throughout a long request":                  {"rrrrr", 0.5, 3.5, Hot},
		"loaded while it waited":                           {"llrr", 0.5, 1.5, Cold},
		"absent until it was loaded":                       {"--rr", 0.5, 1.5, Cold},
		"its load was over by the first answer after it":   {"llrr", 1.5, 1.7, Unknown},
		"loaded before it arrived":                         {"llrrr", 2.5, 2.7, Hot},
		"evicted and loaded again while it waited":         {"rrlrr", 0.5, 2.9, Cold},
		"evicted after it was answered":                    {"rrll", 0.5, 0.7, Hot},
		"never ready":                                      {"llll", 0.5, 2.5, Unknown},
		"arrived before anything was known":                {"rrr", -1, 0.5, Unknown},
		"arrived before anything was known, then a load":   {"lrr", -1, 0.5, Cold},
		"so many loads that the first ones were forgotten": {"lrlrlrlrlrlrlrlrlrlrlrlrlrlrlrlrr", 0.5, 31.5, Cold},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
			known := newResidency()
			for second, state := range test.polls {
				states := []ModelState{{"other", "1", true}}
				if state != absent {
					states = append(states, ModelState{"m", "1", state == ready}, ModelState{"m", "2", false})
				}
				known.update(states, at(float64(second)))
			}
			for _, version := range []string{"", "1"} {
				got := known.judge(Served{Model: "m", Version: version, Arrival: at(test.arrived), Answered: at(test.answered)})
				require.Equal(t, test.want, got, "version %q", version)
			}
			require.LessOrEqual(t, len(known.models[modelKey{"m", "1"}]), maxSpans)
		})
	}
}

func TestResidencyOfTheWholeServer(t *testing.T) {
	start := time.Now()
	known := newResidency()
	for second, ready := range []bool{false, false, true, true} {
		known.update([]ModelState{{Ready: ready}}, start.Add(time.Duration(second)*time.Second))
	}
	require.Equal(t, Cold, known.judge(Served{Model: "any", Version: "7", Arrival: start, Answered: start.Add(1500 * time.Millisecond)}))
	require.Equal(t, Hot, known.judge(Served{Arrival: start.Add(2500 * time.Millisecond), Answered: start.Add(2600 * time.Millisecond)}))
}

func TestResidencyForgetsModelsThatAreGone(t *testing.T) {
	start := time.Now()
	known := newResidency()
	known.update([]ModelState{{"m", "1", true}}, start)
	known.update(nil, start.Add(time.Second))
	require.NotEmpty(t, known.models)
	known.update(nil, start.Add(time.Minute+forgetAfter))
	require.Empty(t, known.models)
}
