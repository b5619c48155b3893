package processor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
)

// watchEvery is the time between two looks at the topic of events.
const watchEvery = 5 * time.Second

// watchTopic looks whether the log is still there with as many partitions as everything was placed by. What is
// wrong stands in Ready and, once, in the log.
func (a *App) watchTopic(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		n, err := a.deps.Kafka.Partitions(ctx, schemas.EventsTopic)
		misfit := ""
		switch {
		case errors.Is(err, kafkaio.ErrNoTopic):
			misfit = fmt.Sprintf("topic %s is no longer there: somebody has deleted it; restore it with its records, or start the flow afresh on new topics", schemas.EventsTopic)
		case err != nil:
			continue // Kafka is away, and that is told elsewhere
		case n != a.deps.Partitions:
			misfit = a.misfits(n)
		}
		a.mu.Lock()
		news := misfit != a.misfit
		a.misfit = misfit
		a.mu.Unlock()
		if news && misfit != "" {
			a.deps.Log.Error("the log needs a person", "reason", misfit)
		}
	}
}

// misfits says what another number of partitions means.
func (a *App) misfits(n int) string {
	return fmt.Sprintf("topic %s has %d partitions and the flow was begun with %d: keys are placed by that number, so partitions cannot be added to a flow; "+
		"start it afresh on new topics with as many as it needs", schemas.EventsTopic, n, a.deps.Partitions)
}
