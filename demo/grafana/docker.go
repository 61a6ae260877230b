package grafana

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

// dockerImage is the official image of the release that the archive has.
const dockerImage = "grafana/grafana:" + releaseVersion

const (
	// daemonTimeout bounds a question to the Docker daemon.
	daemonTimeout = 5 * time.Second
	// pullTimeout bounds the download of the image.
	pullTimeout = 5 * time.Minute
)

// inDocker returns Grafana's image where a Docker daemon responds and has the image or can pull it.
func inDocker(ctx context.Context, cache string, out *progress.Printer) (*Grafana, error) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return nil, errors.New("no docker on PATH")
	}
	if err := runQuick(ctx, docker, "info", "--format", "{{.ServerVersion}}"); err != nil {
		return nil, fmt.Errorf("no Docker daemon responds: %w", err)
	}
	found := &Grafana{Docker: docker, Image: dockerImage, Origin: "Docker, " + dockerImage}
	if runQuick(ctx, docker, "image", "inspect", dockerImage) == nil {
		return found, nil
	}
	out.Printf("Grafana: pulling %s", dockerImage)
	limited, cancel := context.WithTimeoutCause(ctx, pullTimeout, fmt.Errorf("the pull took longer than %s", pullTimeout))
	defer cancel()
	err = supervise.Run(limited, supervise.Spec{
		Name: "docker pull", Path: docker, Args: []string{"pull", "--quiet", dockerImage},
		LogPath: filepath.Join(cache, "logs", "grafana-docker-pull.log"),
	}, 10*time.Second, func(elapsed time.Duration, _ string) {
		out.Printf("Grafana: docker pull still running (%.0f s)", elapsed.Seconds())
	})
	if err != nil {
		return nil, fmt.Errorf("pull %s: %w", dockerImage, err)
	}
	return found, nil
}

// runQuick runs a program that responds at once.
func runQuick(ctx context.Context, path string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, daemonTimeout)
	defer cancel()
	return exec.CommandContext(ctx, path, args...).Run()
}
