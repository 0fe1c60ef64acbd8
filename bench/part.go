package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
)

// partVariable names the part that this process is to play: what rekey is
// compared with is a process of its own too, so that its memory can be told.
const partVariable = "REKEY_BENCH_PART"

// parts are what this program can be in another process.
var parts = map[string]func(context.Context, []string) error{
	"asynq-load":  asynqLoad,
	"asynq-serve": asynqServe,
}

func runPart(ctx context.Context, name string, args []string) error {
	part, ok := parts[name]
	if !ok {
		return fmt.Errorf("%s=%s is none of this program's parts", partVariable, name)
	}
	return part(ctx, args)
}

// part is the command that plays a part.
func part(name string, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(slices.Clone(os.Environ()), partVariable+"="+name)
	return cmd, nil
}
