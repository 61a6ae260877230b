package profile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

// Labels that tell devices and values apart have to be some, and devices need an id.
func TestParseErrorsOfDevices(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, message string }{
		"a device without an id":     {"replica: [job, instance]", "replica: [job, instance]\ndevice: [gpu]", `line 7: device: identity_metric "hits" has no label gpu`},
		"a device's label":           {"replica: [job, instance]", "replica: [job, instance]\ndevice: [no label]", `line 7: device: "no label" is not a valid label name`},
		"a label that is told apart": {"{metric: queue}", "{metric: queue, dedupe_by: [no label]}", `metric "queue": dedupe_by: "no label" is not a valid label name`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, small, c.old)
			_, err := profile.Parse([]byte(strings.Replace(small, c.old, c.new, 1)))
			require.ErrorContains(t, err, c.message)
		})
	}
}
