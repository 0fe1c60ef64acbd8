// Composecheck loads compose files as Docker Compose would and says what is
// wrong with them. It promises to take no file that Compose's own loader refuses,
// and needs no container engine. Its weak spot: nothing is built or started, so an
// image or a command that does not exist passes.
//
//	go run ./composecheck ../deploy/compose.yaml
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "composecheck:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, files []string) error {
	if len(files) == 0 {
		return fmt.Errorf("which compose files?")
	}
	for _, file := range files {
		if err := check(ctx, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Println(file, "ok")
	}
	return nil
}

func check(ctx context.Context, file string) error {
	o, err := cli.NewProjectOptions([]string{file}, cli.WithName("rekey"), cli.WithResolvedPaths(true), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return err
	}
	project, err := o.LoadProject(ctx)
	if err != nil {
		return err
	}
	for name, service := range project.Services {
		if err := checkService(service); err != nil {
			return fmt.Errorf("service %s: %w", name, err)
		}
	}
	return nil
}

// checkService looks at what the loader takes on trust: that what is mounted
// or built from is there.
func checkService(s types.ServiceConfig) error {
	if s.Image == "" && s.Build == nil {
		return fmt.Errorf("neither an image nor a build")
	}
	if s.Build != nil {
		if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
			return err
		}
	}
	for _, v := range s.Volumes {
		// A file under secrets/ is the operator's to make.
		if v.Type != "bind" || strings.Contains(v.Source, "/secrets/") {
			continue
		}
		if _, err := os.Stat(v.Source); err != nil {
			return err
		}
	}
	return nil
}
