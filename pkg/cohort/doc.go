// Package cohort holds every rule about who is in which cohort, from when until
// when and why. It is pure: no IO, clock, log, context or goroutine, and no
// result depends on the order of a map. Times are whole milliseconds since 1970 UTC.
//
// A person is a small set of facts (the newest n events of each pattern that some
// condition asks about) and the stays they are in. A condition is a function of
// the facts and an instant; it gives its value, the next instant at which the
// value can change with no further event, and the events behind it. From these
// three come membership, one deadline per person and the explanation.
//
// The order that the caller keeps: log time is monotone; before an event is
// applied at log time L, every deadline earlier than L has been fired, one by
// one, in the order of (instant, person key). So events of an instant come before
// deadlines of the same instant.
//
//	Spec --Compile--> Program
//	event --Match--> Patterns --Apply--> facts --> transitions
//	                         NextDeadline --Fire--> transitions
//
// Facts are mergeable: union of two sets of facts, newest n kept. Duplicates, the
// order of arrival and the joining of two people cannot change the outcome.
package cohort
