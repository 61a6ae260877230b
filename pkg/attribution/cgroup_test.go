package attribution

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	inner = strings.Repeat("0123456789abcdef", 4)
	outer = strings.Repeat("fedcba9876543210", 4)
)

const podUID = "2f1e0d3c-4b5a-4978-8a6b-7c8d9e0f1a2b"

func TestPlaceOf(t *testing.T) {
	underscored := strings.ReplaceAll(podUID, "-", "_")
	for name, c := range map[string]struct {
		paths []string
		want  place
	}{
		"docker, cgroupfs":        {[]string{"/docker/" + inner}, place{container: inner}},
		"docker, systemd":         {[]string{"/system.slice/docker-" + inner + ".scope"}, place{container: inner}},
		"docker, within another":  {[]string{"/docker/" + outer + "/docker/" + inner}, place{container: inner}},
		"docker, other namespace": {[]string{"/../" + inner}, place{container: inner}},
		"podman":                  {[]string{"/machine.slice/libpod-" + inner + ".scope/container"}, place{container: inner}},
		"podman, rootless": {[]string{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + inner + ".scope"},
			place{container: inner}},
		"podman, its monitor":  {[]string{"/machine.slice/libpod-conmon-" + inner + ".scope"}, place{}},
		"containerd, cgroupfs": {[]string{"/kubepods/burstable/pod" + podUID + "/" + inner}, place{inner, podUID, ""}},
		"containerd, systemd": {[]string{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + underscored +
			".slice/cri-containerd-" + inner + ".scope"}, place{inner, podUID, ""}},
		"containerd, guaranteed": {[]string{"/kubepods.slice/kubepods-pod" + underscored + ".slice/cri-containerd-" + inner + ".scope"},
			place{inner, podUID, ""}},
		"containerd, systemd's path as cgroupfs": {[]string{"/system.slice/containerd.service/kubepods-besteffort-pod" + underscored +
			".slice:cri-containerd:" + inner}, place{inner, podUID, ""}},
		"CRI-O": {[]string{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + underscored + ".slice/crio-" + inner +
			".scope/container"}, place{inner, podUID, ""}},
		"CRI-O, cgroupfs":    {[]string{"/kubepods/besteffort/pod" + podUID + "/crio-" + inner}, place{inner, podUID, ""}},
		"CRI-O, its monitor": {[]string{"/kubepods/besteffort/pod" + podUID + "/crio-conmon-" + inner}, place{pod: podUID}},
		"static pod": {[]string{"/kubepods/burstable/pod0123456789abcdef0123456789abcdef/" + inner},
			place{inner, "0123456789abcdef0123456789abcdef", ""}},
		"kind":                             {[]string{"/docker/" + outer + "/kubelet/kubepods/besteffort/pod" + podUID + "/" + inner}, place{inner, podUID, ""}},
		"version 1, one line a controller": {[]string{"/", "/docker/" + inner, "/user.slice"}, place{container: inner}},
		"version 1, pod on one line only":  {[]string{"/docker/" + outer, "/kubepods/pod" + podUID + "/" + inner}, place{inner, podUID, ""}},
		"service":                          {[]string{"/system.slice/tritonserver.service"}, place{unit: "tritonserver.service"}},
		"session":                          {[]string{"/user.slice/user-0.slice/session-1.scope"}, place{}},
		"no group":                         {nil, place{}},
		"root":                             {[]string{"/"}, place{}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, placeOf(c.paths)) })
	}
}

func FuzzPlaceOf(f *testing.F) {
	f.Add("/kubepods/burstable/pod" + podUID + "/" + inner)
	f.Add("/system.slice/docker-" + inner + ".scope")
	f.Add("/a:b:" + inner + "//pod/x.service")
	container, pod := regexp.MustCompile(`^([0-9a-f]{64})?$`), regexp.MustCompile(`^([0-9a-f-]{32,36})?$`)
	f.Fuzz(func(t *testing.T, path string) {
		p := placeOf([]string{path})
		require.Regexp(t, container, p.container)
		require.Regexp(t, pod, p.pod)
		require.True(t, p.container == "" || p.unit == "", "a process is in a container or in a service")
		require.Contains(t, path, p.container)
	})
}
