// Package passes rewrites plans without changing what they mean. Each pass is in a file of its own. In their order:
//
//  1. recording rules (pkg/recordingrule): read what is recorded in place of the metrics
//  2. NameTopGroups: write which groups rank highest in the place of the ranking
//  3. PushDown: select only the series of the groups that a plan keeps
//  4. Pin: write the end of the range into what depends on it, so that the range can be split
//
// The first needs to know the parts of a query and is run by pkg/query. The second and third make a refresh repeat the plan of
// the time before, and are run by pkg/querycache. The last is run by executors that split ranges.
package passes
