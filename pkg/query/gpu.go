package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var (
	ofGPU    = []signal.Label{signal.Environment, signal.Deployment, signal.Replica, signal.GPU}
	ofModels = []signal.Label{signal.Model, signal.Version}
)

func (r *signalRun) modelGPUUtilization(ctx context.Context) ([]analysis.Series, error) {
	return r.sharedByModel(ctx, "gpu_utilization", analysis.MeanOfGPUs)
}

// energyPerThousandRequests is in joules. Whatever its requests were worth, a GPU's idle time is part of a group's energy; of a
// model's only what the GPU draws while it works.
func (r *signalRun) energyPerThousandRequests(ctx context.Context) (power []analysis.Series, err error) {
	if r.aboutModels() {
		power, err = r.sharedByModel(ctx, "gpu_power", analysis.SumOfGPUs)
	} else {
		power, err = r.subquery(ctx, "gpu_power", signal.Mean, r.query.GroupBy)
	}
	if err != nil || len(power) == 0 {
		return nil, err
	}
	requests, err := r.subquery(ctx, "requests", signal.Rate, r.query.GroupBy)
	if err != nil {
		return nil, err
	}
	return analysis.Linear(analysis.Quotients(power, requests, r.query.GroupBy), func(map[string]string) (a, b float64) { return 0, 1000 }), nil
}

// aboutModels reports whether the query selects models or groups by them.
func (r *signalRun) aboutModels() bool {
	return slices.ContainsFunc(ofModels, func(l signal.Label) bool {
		_, filtered := r.query.Filters[l]
		return filtered || slices.Contains(r.query.GroupBy, l)
	})
}

// sharedOut is a signal of GPUs by model: in proportion to what each model's processes do on the GPU where that is read, else to
// the time that its requests took to compute beside it.
func (r *signalRun) sharedByModel(ctx context.Context, name string, fold analysis.Fold) ([]analysis.Series, error) {
	readings, err := r.subquery(ctx, name, r.query.Statistics[0], ofGPU, ofModels...)
	if err != nil || len(readings) == 0 {
		return nil, err
	}
	work, err := r.workOfProcesses(ctx)
	if err != nil {
		return nil, err
	}
	if !everyGPU(readings, work) {
		computed, err := r.computeTime(ctx)
		if err != nil {
			return nil, err
		}
		work = append(work, computed...)
	}
	shares, unjoined := analysis.GPUShares(readings, work, r.query.GroupBy, fold, r.matchesFilter)
	if unjoined > 0 {
		r.warn(fmt.Sprintf("%d of %d GPUs are not attributed to models: no process readings exist, and no server in the same environment and deployment reports inference times. Give the GPU target the environment and deployment of the servers on these GPUs.",
			unjoined, len(readings)))
	}
	for i := range shares {
		if slices.Contains(r.query.GroupBy, signal.Model) && shares[i].Labels[string(signal.Model)] == "" {
			shares[i].Others = true // processes that no rule gives to a model
		}
	}
	return shares, nil
}

// workOfProcesses is each model's part of the GPUs as its processes were seen to use them. It names the GPUs.
func (r *signalRun) workOfProcesses(ctx context.Context) ([]analysis.Series, error) {
	by := append(slices.Clone(ofGPU), ofModels...)
	return r.inSubquery(signal.ModelGPUUtilization, signal.Mean, by, append(ofModels, signal.GPU), func(o *signalRun) ([]analysis.Series, error) {
		return o.run(ctx, o.compile(o.query))
	})
}

// computeTime is the seconds a second that the requests of each model took to compute, on every replica.
func (r *signalRun) computeTime(ctx context.Context) ([]analysis.Series, error) {
	by := []signal.Label{signal.Environment, signal.Deployment, signal.Model, signal.Replica}
	if _, filtered := r.query.Filters[signal.Version]; filtered || slices.Contains(r.query.GroupBy, signal.Version) {
		by = append(by, signal.Version)
	}
	return r.inSubquery("inference_time", signal.Mean, by, append(ofModels, signal.GPU), func(o *signalRun) ([]analysis.Series, error) {
		return o.run(ctx, o.present.ComputeTime(o.query, o.environ))
	})
}

// everyGPU reports whether every GPU with a reading has work.
func everyGPU(readings, work []analysis.Series) bool {
	known := map[string]bool{}
	for _, w := range work {
		known[w.Labels[string(signal.GPU)]] = true
	}
	return !slices.ContainsFunc(readings, func(u analysis.Series) bool { return !known[u.Labels[string(signal.GPU)]] })
}

// matchesFilter reports whether a series matches the query's filters for models and versions.
func (r *signalRun) matchesFilter(labels map[string]string) bool {
	for _, l := range ofModels {
		if values, filtered := r.query.Filters[l]; filtered && !slices.Contains(values, labels[string(l)]) {
			return false
		}
	}
	return true
}
