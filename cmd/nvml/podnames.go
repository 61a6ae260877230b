//go:build linux && cgo

package main

import (
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

// lookForPods is how long the folder of logs is not looked through again for a pod that is not there.
const lookForPods = 5 * time.Second

// podNames knows pods by the folders in which the kubelet keeps their logs. It is safe for concurrent use.
type podNames struct {
	folder string
	log    *slog.Logger

	mutex  sync.Mutex
	known  map[string]podName
	looked time.Time
	failed bool
}

type podName struct{ namespace, name string }

// lookup is a pod's namespace and name by its uid; empty if it has no folder.
func (p *podNames) lookup(uid string) (namespace, name string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	pod, known := p.known[uid]
	if !known && time.Since(p.looked) > lookForPods {
		p.look()
		pod = p.known[uid]
	}
	return pod.namespace, pod.name
}

// look replaces what is known, so that pods that are gone are forgotten.
func (p *podNames) look() {
	p.looked = time.Now()
	folders, err := os.ReadDir(p.folder)
	if err != nil {
		if !p.failed {
			p.log.Warn("Pod log folders cannot be listed, so pods have no names from them: set -path.pod-logs or mount the folder", "folder", p.folder, "error", err)
		}
		p.failed = true
		return
	}
	p.failed, p.known = false, map[string]podName{}
	for _, f := range folders {
		if uid, namespace, name := attribution.PodOfLogFolder(f.Name()); uid != "" {
			p.known[uid] = podName{namespace, name}
		}
	}
}
