// Package delivery holds what every destination needs that is reached over HTTP: a
// queue that keeps the order per person and lets newer news take the place of older,
// the position up to which everything is done, and the gate through which all
// requests of one destination go. It knows no protocol and does no IO.
package delivery
