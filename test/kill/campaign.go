package main

import (
	"context"
	"io"
)

// campaign is the long run.
type campaign struct {
	seeds int
	first uint64
	only  string
	state string
	out   io.Writer
}

func (c *campaign) run(context.Context, string) error { return nil }
