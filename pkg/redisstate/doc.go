// Package redisstate keeps the state of each partition in Redis: the people, their deadline buckets
// and the checkpoint that says up to which input record they are worked off. It is the only package
// that imports go-redis.
//
// Everything of partition N carries the hash tag {pN}, so that it lives in one slot of a cluster and
// fails over, rolls back and moves as one thing:
//
//	{pN}:c           string   checkpoint, bytes of the caller
//	{pN}:s:00 .. 3f  hashes   person key -> state of that person; fixed number, chosen by xxhash of the key
//	{pN}:d:BUCKET    strings  deadline entries of one bucket, append only
//
// What it promises:
//
//   - Whoever loads people, a slice of them (one of the hashes) or deadlines gets the checkpoint of
//     the same instant (MULTI).
//   - A commit is one atomic write, and happens only if the checkpoint is still the expected one
//     (WATCH). Nothing is ever retried by the client library: a repeated EXEC could not be told
//     from another owner's.
//   - Every failed commit says which of four things happened: another owner's checkpoint is there
//     ([ErrConflict]), Redis refused and wrote nothing ([*RefusedError]), nothing was sent
//     ([ErrUnavailable]), or it is unknown ([ErrAmbiguous]).
//
// What it never does: give keys a time to live, read from replicas, interpret the bytes it stores.
package redisstate
