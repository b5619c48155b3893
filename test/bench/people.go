package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// introduce sends what is known of n people before a run, as fast as the door takes
// it: the messages of each in order, and each person once.
func introduce(ctx context.Context, t target, n int, of func(k int) []message) error {
	const size = 200 // people a request
	p := newPoster(t, 4)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for from := 0; from < n; from += size {
		g.Go(func() error {
			var messages []message
			for k := from; k < min(from+size, n); k++ {
				messages = append(messages, of(k)...)
			}
			return p.post(ctx, "/v1/batch", batchBody(messages...))
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("make %d people known: %w", n, err)
	}
	return nil
}
