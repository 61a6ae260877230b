package attribution

import (
	"regexp"
	"strings"
)

// place is where a process is kept.
type place struct {
	// container is the container's id, 64 hexadecimal digits, and pod the pod's uid, both empty outside of one.
	container, pod string
	// unit is the systemd service of a process that is in no container.
	unit string
}

var (
	// containerPattern fits the last part of a path of docker, containerd, CRI-O and podman, with the drivers cgroupfs
	// (the bare id) and systemd (docker-<id>.scope, cri-containerd-<id>.scope, crio-<id>.scope, libpod-<id>.scope), and of
	// containerd that takes systemd's path for one of cgroupfs (<slice>:cri-containerd:<id>).
	containerPattern = regexp.MustCompile(`(?:^|[-:])([0-9a-f]{64})(?:\.scope)?$`)
	// podPattern fits pod<uid> of cgroupfs and kubepods-burstable-pod<uid with underscores>.slice of systemd. The uid of a pod
	// that the kubelet has from a file is a hash without dashes.
	podPattern = regexp.MustCompile(`(?:^|-)pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?(?::|$)`)
)

// placeOf reads paths of control groups, of version 1 or 2. A container within a container is the inner one.
func placeOf(paths []string) place {
	var found place
	for _, path := range paths {
		p := placeOfPath(path)
		if p.pod != "" || (found.pod == "" && p.container != "") || found == (place{}) {
			found = p
		}
		if found.pod != "" && found.container != "" {
			break
		}
	}
	return found
}

func placeOfPath(path string) place {
	var p place
	for part := range strings.SplitSeq(path, "/") {
		if m := podPattern.FindStringSubmatch(part); m != nil {
			// A container further out is not this pod's.
			p = place{pod: strings.ReplaceAll(m[1], "_", "-")}
		}
		// conmon watches the container and is not in it.
		if m := containerPattern.FindStringSubmatch(part); m != nil && !strings.Contains(part, "conmon") {
			p.container, p.unit = m[1], ""
		}
		if strings.HasSuffix(part, ".service") && p.container == "" {
			p.unit = part
		}
	}
	return p
}

// id is the container, else the service.
func (p place) id() string {
	if p.container != "" {
		return p.container
	}
	return p.unit
}
