// Package receipts writes what became of each transition: to sink.receipts.v1, and
// what was refused for good to sink.deadletter.v1.
//
// Adding never blocks, so that it may be done from anywhere; whoever produces work
// asks for Room first, which bounds what is outstanding. A record is repeated until
// Kafka has acknowledged it, so a receipt may appear twice and does not get lost
// while the process lives.
package receipts
