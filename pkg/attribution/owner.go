package attribution

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// shortID is how many digits of a container's id stand for its name, as docker shows it.
const shortID = 12

// containerFolder fits where the kubelet keeps files of a container that are mounted into it, such as its termination log.
var containerFolder = regexp.MustCompile(`/pods/([0-9a-f-]+)/containers/([^/]+)/`)

// ownerOf names the process, its container and its pod.
func (a *Attributor) ownerOf(p *process) Owner {
	o := Owner{Name: cleanName(p.name), CgroupID: p.place.id()}
	if p.place.container == "" && p.place.pod == "" {
		return o
	}
	o.Container = p.place.container[:min(shortID, len(p.place.container))]
	if p.place.pod == "" {
		return o
	}
	if name := p.containerName(); name != "" {
		o.Container = name
	}
	if a.settings.PodName != nil {
		o.Namespace, o.Pod = a.settings.PodName(p.place.pod)
	}
	if o.Pod == "" {
		o.Pod, o.Namespace = cleanName(p.variable("POD_NAME")), cleanName(p.variable("POD_NAMESPACE"))
	}
	if o.Pod == "" {
		// What the kubelet calls the host of a pod that has a network of its own.
		o.Pod = cleanName(p.variable("HOSTNAME"))
	}
	return o
}

// containerName is what the pod calls the process's container, empty if the kubelet mounted nothing into it.
func (p *process) containerName() string {
	mounts, err := p.MountInfo()
	if err != nil {
		return ""
	}
	for _, mount := range mounts {
		if m := containerFolder.FindStringSubmatch(mount.Root); m != nil && m[1] == p.place.pod {
			return cleanName(m[2])
		}
	}
	return ""
}

// PodOfLogFolder reads the name of a folder in /var/log/pods, in which the kubelet keeps a pod's logs:
// <namespace>_<pod>_<uid>. All are empty if it is none. The parts become values of labels, so they have to be UTF-8.
func PodOfLogFolder(name string) (uid, namespace, pod string) {
	parts := strings.Split(name, "_")
	if len(parts) != 3 || slices.Contains(parts, "") || !utf8.ValidString(name) {
		return "", "", ""
	}
	return parts[2], parts[0], parts[1]
}
