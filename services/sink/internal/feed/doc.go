// Package feed brings the transitions of the partitions that this process owns to
// the workers of one destination. Every destination has a feed of its own, with a
// group, a fetcher and a position of its own, so none waits for another.
//
//	group.Next ─► a lease per partition ─► work(ctx, lease) ─┐ fails: pause, begin again
//	fetcher.Poll ─► lease.Take                               └ ends with the generation
//
// The group says who owns a partition; what a worker does with positions is its own
// affair. A worker that fails begins again from nothing: there is one way back only.
package feed
