package redisstate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Up to these Redis keeps a small hash as one compact block. Beyond, nothing is gained: a block is
// searched from its start at every access.
const (
	listpackEntries = 512
	listpackValue   = 128 // bytes
)

// Report is what Check found out.
type Report struct {
	Nodes    []Node   // primaries; in a cluster in no particular order
	Cluster  bool     // a cluster client is in use
	Warnings []string // what works, but costs memory or safety; each names its remedy
}

// Node is one primary.
type Node struct {
	Addr            string
	Version         string // empty when Redis does not tell
	MaxMemory       int64  // bytes, 0 is no limit
	MaxMemoryPolicy string
	AOF             bool // the append-only file is on
	Snapshots       bool // RDB snapshots are taken by schedule
	Replicas        int
}

// Check connects and verifies that Redis keeps what it is given: it is a primary, of version 6.2 or
// newer, evicts nothing, persists (unless Config.AllowVolatile), serves all slots of its cluster,
// and lets this user run transactions. The error names everything that is wrong and its remedy.
// It writes nothing, and may be called again at any time: settings change under a running owner.
func (s *Store) Check(ctx context.Context) (Report, error) {
	r := Report{Cluster: s.cluster != nil}
	if _, err := s.Checkpoint(ctx, 0); err != nil {
		return r, fmt.Errorf("check redis: %w", err)
	}
	if s.cfg.Embedded {
		return r, nil
	}
	if s.cluster == nil {
		node, warnings, err := s.checkNode(ctx, s.single)
		r.Nodes, r.Warnings = []Node{node}, warnings
		return r, wrapCheck(err)
	}
	var mu sync.Mutex // guards r and faults: the nodes are asked concurrently
	var faults []error
	err := s.cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
		node, warnings, err := s.checkNode(ctx, c)
		mu.Lock()
		defer mu.Unlock()
		r.Nodes = append(r.Nodes, node)
		r.Warnings = append(r.Warnings, warnings...)
		faults = append(faults, err)
		return nil
	})
	if err != nil {
		faults = append(faults, unsent(err))
	}
	return r, wrapCheck(errors.Join(faults...))
}

func wrapCheck(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("check redis: %w", err)
}

// checkNode asks one primary. Managed services often forbid CONFIG, so what matters is read from
// INFO, and CONFIG only adds to it.
func (s *Store) checkNode(ctx context.Context, c *redis.Client) (Node, []string, error) {
	node := Node{Addr: c.Options().Addr}
	text, err := c.Info(ctx).Result()
	if err != nil {
		return node, nil, fmt.Errorf("node %s: read INFO: %w", node.Addr, unsent(err))
	}
	info := fields(text)
	node.Version = info["redis_version"]
	node.MaxMemory, _ = strconv.ParseInt(info["maxmemory"], 10, 64)
	node.MaxMemoryPolicy = info["maxmemory_policy"]
	node.AOF = info["aof_enabled"] == "1"
	node.Replicas, _ = strconv.Atoi(info["connected_slaves"])
	schedule, scheduleKnown := s.setting(ctx, c, "save")
	node.Snapshots = schedule != ""

	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("node %s: "+format, append([]any{node.Addr}, args...)...))
	}
	if !atLeast(node.Version, 6, 2) {
		fault("version %q is older than 6.2, or unknown: update Redis", node.Version)
	}
	if role := info["role"]; role != "master" {
		fault("it is a %q, not a primary: point the url at the primary", role)
	}
	if node.MaxMemoryPolicy != "noeviction" {
		fault("maxmemory-policy is %q and would delete state silently: CONFIG SET maxmemory-policy noeviction, and in the configuration file", node.MaxMemoryPolicy)
	}
	if !node.AOF && !node.Snapshots && !s.cfg.AllowVolatile {
		what := "nothing is persisted"
		if !scheduleKnown {
			what = "the append-only file is off and CONFIG is forbidden, so nothing tells that anything is persisted"
		}
		fault("%s: set appendonly yes, or allow volatile state if a rebuild from the log after each restart is wanted", what)
	}
	if info["cluster_enabled"] == "1" {
		if err := s.checkSlots(ctx, c); err != nil {
			fault("%w", err)
		}
	}
	return node, s.warnings(ctx, c, node), errors.Join(faults...)
}

func (s *Store) checkSlots(ctx context.Context, c *redis.Client) error {
	if s.cluster == nil {
		return errors.New("it is part of a cluster: list its addresses with commas in the url (one seed: end it with a comma)")
	}
	text, err := c.ClusterInfo(ctx).Result()
	if err != nil {
		return fmt.Errorf("read CLUSTER INFO: %w", unsent(err))
	}
	info := fields(text)
	if info["cluster_state"] != "ok" || info["cluster_slots_ok"] != "16384" {
		return fmt.Errorf("cluster state is %q with %s of 16384 slots served: bring the missing primaries back", info["cluster_state"], info["cluster_slots_ok"])
	}
	return nil
}

func (s *Store) warnings(ctx context.Context, c *redis.Client, node Node) []string {
	var all []string
	warn := func(format string, args ...any) {
		all = append(all, fmt.Sprintf("node %s: "+format, append([]any{node.Addr}, args...)...))
	}
	if !node.AOF && node.Snapshots {
		warn("only snapshots are taken: a crash sets the state back by minutes, which the log then repeats; appendonly yes shortens that to a second")
	}
	if node.MaxMemory == 0 {
		warn("maxmemory is not set: without it the operating system ends Redis when memory is full, instead of Redis refusing writes; set it below the memory of the machine")
	}
	if value, known := s.setting(ctx, c, "min-replicas-to-write"); known && node.Replicas > 0 && value == "0" {
		warn("min-replicas-to-write is 0: a primary cut off from its replicas goes on taking commits that a failover then discards; set it to 1, with a small min-replicas-max-lag")
	}
	entries, known := s.setting(ctx, c, "hash-max-listpack-entries")
	value, _ := s.setting(ctx, c, "hash-max-listpack-value")
	if known && (smaller(entries, listpackEntries) || smaller(value, listpackValue)) {
		warn("hash-max-listpack-entries %s, hash-max-listpack-value %s: with %d and %d partitions of up to %d people take a third less memory, at more CPU; larger ones do not change",
			entries, value, listpackEntries, listpackValue, listpackEntries*subHashes)
	}
	return all
}

// setting reads one setting; known is false where CONFIG is forbidden or the name unknown.
func (s *Store) setting(ctx context.Context, c *redis.Client, name string) (value string, known bool) {
	values, err := c.ConfigGet(ctx, name).Result()
	if err != nil {
		return "", false
	}
	value, known = values[name]
	return value, known
}

func smaller(value string, than int) bool {
	n, err := strconv.Atoi(value)
	return err == nil && n < than
}

// fields takes the "name:value" lines of INFO apart.
func fields(text string) map[string]string {
	found := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			found[name] = value
		}
	}
	return found
}

// atLeast compares "7.0.15" with a major and minor version.
func atLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	gotMajor, err1 := strconv.Atoi(parts[0])
	gotMinor, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (gotMajor > major || gotMajor == major && gotMinor >= minor)
}
