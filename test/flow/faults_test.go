package flow

import (
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/services/processor"
)

// trouble feeds a recording in thirds and makes trouble while each is worked off.
func trouble(t *testing.T, p *parts, make func(round int, app *processor.App, stop func()) *processor.App) {
	t.Helper()
	const name = "retentioneering_ecom_synthetic"
	c := p.client(t)
	p.create(t, c)
	app, stop := p.run(t)
	events := recorded(t, name)
	for round := range 3 {
		part := events[round*len(events)/3 : (round+1)*len(events)/3]
		feed(t, c, part)
		app = make(round, app, stop)
	}
	advance(t, c, drained)
	settle(t, c, app)
	judge(t, c, expected(t, name))
}

func TestProcessor_StateLostInMidStream(t *testing.T) {
	each(t, func(t *testing.T, p *parts) {
		trouble(t, p, func(_ int, app *processor.App, _ func()) *processor.App {
			p.flush(t)
			return app
		})
	})
}

func TestProcessor_TwoOwnersOneStopped(t *testing.T) {
	each(t, func(t *testing.T, p *parts) {
		var stopLast func()
		trouble(t, p, func(_ int, _ *processor.App, stop func()) *processor.App {
			if stopLast == nil {
				stopLast = stop
			}
			next, stopNext := p.run(t)
			eventually(t, 30*time.Second, func() bool { return len(next.Progress()) > 0 })
			stopLast()
			stopLast = stopNext
			eventually(t, 30*time.Second, func() bool { return len(next.Progress()) == partitions })
			return next
		})
	})
}

func TestProcessor_RealPartsRestarted(t *testing.T) {
	p := realParts(t)
	trouble(t, p, func(round int, app *processor.App, _ func()) *processor.App {
		if round%2 == 0 {
			if err := p.broker.Kill9(); err != nil {
				t.Fatal(err)
			}
			if err := p.broker.Restart(); err != nil {
				t.Fatal(err)
			}
		} else {
			if err := p.server.Kill9(); err != nil {
				t.Fatal(err)
			}
			if err := p.server.Restart(); err != nil {
				t.Fatal(err)
			}
		}
		return app
	})
}

// A second tenure that was taken by force, while the first one still believes it owns
// the partition, must not lead to anything twice: both share one group name's epochs.
func TestProcessor_OwnersThatDoNotKnowOfEachOther(t *testing.T) {
	each(t, func(t *testing.T, p *parts) {
		const name = "otto_sample"
		c := p.client(t)
		p.create(t, c)
		first, stopFirst := p.run(t)
		feed(t, c, recorded(t, name))
		eventually(t, 30*time.Second, func() bool { return len(first.Progress()) == partitions })
		// Another group, the same transactional ids: two owners of every partition.
		second, stopSecond := p.runAs(t, "intruder", defaultCatalogue(t))
		eventually(t, 30*time.Second, func() bool { return len(second.Progress()) == partitions })
		advance(t, c, drained)
		settle(t, c, second)
		stopFirst()
		stopSecond()
		judge(t, c, expected(t, name))
	})
}
