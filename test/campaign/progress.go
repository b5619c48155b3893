package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// progress counts the cases that passed.
type progress struct {
	all   int
	began time.Time

	mu   sync.Mutex
	done []int // by property
}

func newProgress(all int) *progress {
	return &progress{all: all, began: time.Now(), done: make([]int, len(properties))}
}

func (p *progress) add(property, cases int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done[property] += cases
}

func (p *progress) total() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, cases := range p.done {
		n += cases
	}
	return n
}

// report writes a line now and then until it is stopped.
func (p *progress) report(every time.Duration) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				n, spent := p.total(), time.Since(p.began)
				left := "some time"
				if n > 0 {
					left = time.Duration(float64(spent) * float64(p.all-n) / float64(n)).Round(time.Second).String()
				}
				fmt.Printf("campaign: %d of %d cases (%.1f%%), %.0f a second, %s to go\n",
					n, p.all, 100*float64(n)/float64(p.all), float64(n)/spent.Seconds(), left)
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// String is the count, in all and by property.
func (p *progress) String() string {
	total := p.total()
	p.mu.Lock()
	defer p.mu.Unlock()
	var parts []string
	for i, n := range p.done {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", properties[i].name, n))
		}
	}
	return fmt.Sprintf("%d cases passed in %s (%s)", total, time.Since(p.began).Round(time.Second), strings.Join(parts, ", "))
}
