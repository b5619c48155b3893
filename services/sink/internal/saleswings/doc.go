// Package saleswings delivers transitions to SalesWings: what a request looks like,
// what an answer means, and in which order one partition's transitions are sent.
//
// It promises at least once. SalesWings has no idempotency key, so the transition id
// stands in the values of each activity, and an attempt whose outcome is unknown is
// journalled before it is repeated. Per person the order of the log is kept; a newer
// transition of the same cohort takes the place of one that was not sent yet.
package saleswings

// Destination is the name of SalesWings in receipts, metrics and dead letters.
const Destination = "saleswings"
