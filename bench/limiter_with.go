package main

import (
	"context"
	"os/exec"
	"strconv"
)

// rekeyKeeps has workers send a campaign.
func rekeyKeeps(ctx context.Context, f *field, k keeping) error {
	if err := f.start(ctx, "bench"); err != nil {
		return err
	}
	for range k.workers {
		if _, err := f.worker(); err != nil {
			return err
		}
	}
	return nil
}

// asynqKeeps has servers of asynq's work off a full queue.
func asynqKeeps(how string) func(context.Context, *field, keeping) error {
	return func(ctx context.Context, f *field, k keeping) error {
		if err := fill(ctx, f.rdb, f.users); err != nil {
			return err
		}
		return f.employAll(k.workers, func() (*exec.Cmd, error) {
			return f.s.Peer(ctx, "limited", how, f.server.URL(), f.cognito.Address,
				strconv.Itoa(k.pace.rate), strconv.Itoa(k.workers), strconv.Itoa(k.pace.hands))
		})
	}
}

// bullKeeps has BullMQ's workers do the same.
func bullKeeps(ctx context.Context, f *field, k keeping) error {
	socket := f.server.Options().Addr
	cmd, err := f.s.BullMQ(ctx, "load.mjs", socket, f.file)
	if err != nil {
		return err
	}
	if _, err := f.s.RunCommand(ctx, cmd); err != nil {
		return err
	}
	return f.employAll(k.workers, func() (*exec.Cmd, error) {
		return f.s.BullMQ(ctx, "limited.mjs", socket, f.cognito.Address, strconv.Itoa(k.pace.rate), strconv.Itoa(k.pace.hands))
	})
}

// employAll starts so many processes of one command.
func (f *field) employAll(n int, command func() (*exec.Cmd, error)) error {
	for range n {
		cmd, err := command()
		if err != nil {
			return err
		}
		if _, err := f.s.GoCommand(cmd); err != nil {
			return err
		}
	}
	return nil
}
