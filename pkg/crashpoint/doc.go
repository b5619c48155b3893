// Package crashpoint kills the process at a named step, for test/kill. It does so only in builds with
// the tag crashpoints; in all others At and Near are empty and leave nothing in the binary.
//
// In a tagged build the environment says what happens:
//
//	CRASH_AT=STEP:N      the N-th visit of STEP (from 1) is the last thing that the process does
//	FREEZE_AT=STEP:N     there the process stops (SIGSTOP) until it is told to go on
//	CRASH_COUNTS=FILE    how often each step was visited, kept in FILE as "STEP N" lines
package crashpoint
