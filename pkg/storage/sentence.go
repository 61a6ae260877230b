package storage

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// recent is how long ago samples may have been refused to be said of the present.
const recent = 2 * time.Minute

// advice says for each reason what happened and what to do.
var advice = map[Reason][2]string{
	DiskFull:     {"the file system is full", "Make room on the file system of the plugin's data_path. Storing goes on within seconds"},
	WriteFailed:  {"they cannot be written", "Check the file system of the plugin's data_path"},
	OutOfOrder:   {"they are older than the newest stored sample of their series", "Check the clocks of Grafana and of the targets, and that each target is scraped once"},
	Duplicate:    {"other values are stored for the same time", "Check that no two targets have the same job and instance, and that the target's page has each series once"},
	TooOld:       {"they are older than what can still be stored", "Check the clocks of Grafana and of the targets. Where a clock was ahead, storing goes on once it has caught up"},
	TooNew:       {"they are ahead of Grafana's clock", "Check the clocks of Grafana and of the targets"},
	SeriesLimit:  {"the data source has reached its limit of series", "Remove labels or targets with many series, or raise the limit"},
	PageLimit:    {"the page has more samples than the limit", "Raise the limit of samples of a scrape, or let the target export fewer series"},
	ReservedName: {"their metric is one that only the plugin writes", "Rename the metric, or remove the target"},
}

// Text says in a few words why samples are not stored.
func (r Reason) Text() string { return advice[r][0] }

// clock writes a time for readers who may look at it on another day.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// Sentence says what was refused, why, and what to do.
func (r Refusal) Sentence() string {
	said := advice[r.Reason]
	of := ""
	if n := len(r.Targets); n > 0 {
		const shown = 3
		of = " of " + strings.Join(r.Targets[:min(n, shown)], ", ")
		if n > shown {
			of += fmt.Sprintf(" and %d more", n-shown)
		}
	}
	text := fmt.Sprintf("%d samples%s were not stored, the last at %s: %s", r.Samples, of, clock(r.Last), said[0])
	if r.Detail != "" {
		text += " (" + strings.TrimSuffix(r.Detail, ".") + ")"
	}
	return text + ". " + said[1] + "."
}

// Sentence says that nothing is stored, why, and what to do.
func (p Problem) Sentence() string {
	said := advice[p.Reason]
	return fmt.Sprintf("Nothing is stored since %s: %s (%s). %s.", clock(p.Since), said[0], p.Detail, said[1])
}

// Sentence says which part is set aside and what is missing.
func (p Part) Sentence() string {
	what := map[PartKind]string{
		BlockPart: "Block %s of the storage is damaged", LogPart: "Segment %s of the storage's write-ahead log is damaged or missing",
		ChunksPart: "The chunk file %s of the storage is damaged",
	}[p.Kind]
	text := fmt.Sprintf(what, p.Name)
	switch {
	case p.Kind == ChunksPart:
		text += ". Its samples were read from the write-ahead log"
	case p.From.IsZero() && p.To.IsZero():
		text += ". Some samples are missing"
	case p.To.IsZero():
		text += ". Samples from " + clock(p.From) + " on may be missing"
	case p.From.IsZero():
		text += ". Samples up to " + clock(p.To) + " may be missing"
	default:
		text += ". Samples from " + clock(p.From) + " to " + clock(p.To) + " may be missing"
	}
	if p.Folder == "" {
		return text + "."
	}
	return text + ". Nothing was deleted: it was moved to " + p.Folder + ". Restore it from a backup, or delete it to end this message."
}

// Current are sentences about what is not stored now; none if all that is scraped is stored.
func (s Status) Current(now time.Time) (out []string) {
	if s.Problem != nil {
		out = append(out, s.Problem.Sentence())
	}
	for _, r := range s.Refusals {
		if s.Problem != nil && (r.Reason == DiskFull || r.Reason == WriteFailed) {
			continue
		}
		if now.Sub(r.Last) < recent {
			out = append(out, r.Sentence())
		}
	}
	return out
}

// Warnings are sentences about what does not keep samples from being stored: damaged parts, and blocks that are not written.
func (s Status) Warnings() (out []string) {
	if s.Compaction != nil && s.Problem == nil {
		out = append(out, fmt.Sprintf("The storage is not compacted since %s: %s. Make room on the file system of the plugin's data_path: until then, "+
			"memory and the write-ahead log grow.", clock(s.Compaction.Since), s.Compaction.Detail))
	}
	for _, p := range s.SetAside {
		out = append(out, p.Sentence())
	}
	return out
}

// Missing are sentences about what is not stored of a time.
func (s Status) Missing(from, to time.Time) (out []string) {
	for _, gap := range Within(s.Gaps, from, to) {
		end := "on"
		if !gap.To.IsZero() {
			end = "to " + clock(gap.To)
		}
		out = append(out, fmt.Sprintf("Nothing was stored from %s %s: %s. Values of that time are missing.", clock(gap.From), end, advice[gap.Reason][0]))
	}
	for _, r := range s.Refusals {
		if r.Reason == DiskFull || r.Reason == WriteFailed || r.First.After(to) || r.Last.Before(from) {
			continue
		}
		out = append(out, r.Sentence())
	}
	for _, p := range s.SetAside {
		if p.Kind == ChunksPart || (!p.From.IsZero() && p.From.After(to)) || (!p.To.IsZero() && p.To.Before(from)) {
			continue
		}
		out = append(out, p.Sentence())
	}
	return out
}

// Of is a sentence about why samples of a job are not stored now; empty if they are.
func (s Status) Of(job string, now time.Time) string {
	if s.Problem != nil {
		return s.Problem.Sentence()
	}
	for _, r := range s.Refusals {
		if now.Sub(r.Last) < recent && slices.Contains(r.Targets, job) {
			return r.Sentence()
		}
	}
	return ""
}
