// Package series holds time series as every executor answers them.
package series

// Series is one labelled time series. Times are unix milliseconds, strictly ascending, one for each value.
type Series struct {
	Labels map[string]string
	Times  []int64
	Values []float64
}
