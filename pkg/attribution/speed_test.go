package attribution_test

import (
	"fmt"
	"testing"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

// BenchmarkAttribute attributes 64 processes that are known: one scrape.
func BenchmarkAttribute(b *testing.B) {
	tr := tree{b, b.TempDir()}
	var processes []attribution.Process
	for i := range 64 {
		tr.add(proc{pid: 100 + i, parent: 1, arguments: []string{"/usr/bin/vllm", "serve", fmt.Sprintf("m%d", i)},
			cgroup: "0::/kubepods/burstable/pod" + podUID + "/" + container})
		processes = append(processes, using(uint32(100+i))...)
	}
	a, err := attribution.New(attribution.Settings{Procfs: tr.root})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, shares, problems := a.Attribute(b.Context(), processes); len(shares) != 64 || len(problems) != 0 {
			b.Fatal(len(shares), problems)
		}
	}
}
