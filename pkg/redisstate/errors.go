package redisstate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrConflict means that the stored checkpoint is not the expected one, or changed while the commit was
	// under way. Nothing was written. Another owner is at work, or Redis went back in time.
	ErrConflict = errors.New("checkpoint is not the expected one")
	// ErrAmbiguous means that the commit was sent and its answer is unknown. It may be there wholly or not at all.
	ErrAmbiguous = errors.New("commit was sent, its outcome is unknown")
	// ErrUnavailable means that Redis did not answer before anything was sent to be written. Nothing was written.
	ErrUnavailable = errors.New("redis is not reachable")
)

// RefusedError is Redis saying no. Of a refused commit nothing was written.
type RefusedError struct {
	Code    string // the first word of the answer: OOM, READONLY, MISCONF, LOADING, CLUSTERDOWN, MOVED, TRYAGAIN, BUSY, NOAUTH, ...
	Message string // the whole answer of Redis, without arguments
	Remedy  string // what the operator can do
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("redis refuses: %s (%s)", e.Message, e.Remedy)
}

// remedies is keyed by the first word of the answer.
var remedies = map[string]string{
	"OOM":         "maxmemory is reached: raise it or add memory, and keep maxmemory-policy noeviction",
	"READONLY":    "this node is a replica: a failover is under way, or the url names a replica; point it at the primary",
	"MISCONF":     "Redis cannot save to its disk and stops writes: free or repair the disk, see the log of Redis",
	"LOADING":     "Redis is loading its data; it answers when it is done",
	"CLUSTERDOWN": "part of the cluster's slots has no primary: bring the node back or let a replica take over",
	"MOVED":       "the slot moved to another node; the new map is being fetched, try again",
	"ASK":         "the slot is being moved to another node; the partition goes on when the move is done",
	"TRYAGAIN":    "the slot is being moved to another node; the partition goes on when the move is done",
	"BUSY":        "a script keeps Redis busy: end it with SCRIPT KILL",
	"NOAUTH":      "set the username and password of Redis",
	"WRONGPASS":   "username or password of Redis is wrong",
	"NOPERM":      "the user of Redis lacks a permission: allow +@read +@write +@transaction and the keys of this prefix",
	"NOREPLICAS":  "fewer replicas are connected than min-replicas-to-write asks for: bring a replica back",
	"MASTERDOWN":  "this node is a replica whose primary is away: a failover is under way",
	"WRONGTYPE":   "a key of this prefix belongs to something else: choose another prefix or remove the key",
	"MAXCLIENTS":  "Redis has no connection left: raise maxclients",
}

// refused turns an error answer of Redis into a RefusedError.
func refused(answer string) *RefusedError {
	const because = "Transaction discarded because of: "
	if _, cause, found := strings.Cut(answer, because); found {
		answer = cause
	}
	answer, _, _ = strings.Cut(answer, ", with args beginning with") // arguments may hold person keys
	answer = strings.TrimSpace(answer)
	code, _, _ := strings.Cut(answer, " ")
	if strings.HasPrefix(answer, "ERR max number of clients") {
		code = "MAXCLIENTS"
	}
	remedy, known := remedies[code]
	if !known {
		remedy = "see the log of Redis"
	}
	return &RefusedError{Code: code, Message: answer, Remedy: remedy}
}

// unsent classifies an error of a step before anything was sent to be written, or of a read.
func unsent(err error) error {
	if answer, is := answerOf(err); is {
		return refused(answer)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// answerOf gives the text when err is an answer of Redis and not a failure to get one.
func answerOf(err error) (string, bool) {
	if answer, ok := errors.AsType[redis.Error](err); ok {
		return answer.Error(), true
	}
	return "", false
}
