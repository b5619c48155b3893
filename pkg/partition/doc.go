// Package partition is the tenure of one partition's owner as a pure state
// machine: Step takes what happened and answers what is to be done. It holds no
// connection, clock, goroutine, lock or log; services/processor executes it.
//
// The order it keeps, and why nothing is lost, doubled or contradicted:
//
//	epoch     take a producer epoch: from here on we can be told from any earlier owner
//	fence     look at the tail of each output (whose producer wrote last?), then write a
//	          fence record with sequence 0: older epochs are refused by the broker after it
//	load      read the checkpoint; none = rebuild from the start of the log
//	read back read each output up to the fence: the highest transition id there is what has
//	          been published; what the repeat decides up to it is compared, not sent again
//	anchor    read the last consumed record again: the log is still the one we knew
//	run       records in offset order -> deadlines that log time has passed, then the event
//	          itself -> transitions, published at once; people, deadlines and checkpoint go to
//	          the store later and together, only after every transition below the checkpoint
//	          is acknowledged
//
// Any answer that leaves an outcome open ends the tenure: all memory is dropped and
// the owner begins again at the top. There is no second way to recover.
package partition
