package contract

import "context"

// Flush empties the server.
func (r *Redis) Flush() {
	r.t.Helper()
	if err := r.raw[r.leads].FlushAll(context.Background()).Err(); err != nil {
		r.t.Fatal(err)
	}
}

// Backup reads every key.
func (r *Redis) Backup() {
	r.t.Helper()
	ctx, raw := context.Background(), r.raw[r.leads]
	keys, err := raw.Keys(ctx, "*").Result()
	if err != nil {
		r.t.Fatal(err)
	}
	r.copied = nil
	for _, key := range keys {
		k := kept{key: key}
		kind, err := raw.Type(ctx, key).Result()
		if err == nil && kind == "hash" {
			k.fields, err = raw.HGetAll(ctx, key).Result()
		} else if err == nil {
			k.text, err = raw.Get(ctx, key).Result()
		}
		if err != nil {
			r.t.Fatal(err)
		}
		r.copied = append(r.copied, k)
	}
}

// Restore puts the copy in the place of what is there.
func (r *Redis) Restore() {
	r.t.Helper()
	ctx, raw := context.Background(), r.raw[r.leads]
	r.Flush()
	for _, k := range r.copied {
		var err error
		if k.fields != nil {
			err = raw.HSet(ctx, k.key, k.fields).Err()
		} else {
			err = raw.Set(ctx, k.key, k.text, 0).Err()
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// Refuse has the server refuse writes.
func (r *Redis) Refuse(reason string) bool {
	if r.faults.Refuse == nil {
		return false
	}
	r.faults.Refuse(reason)
	return true
}

// Away takes the server down, or brings it back.
func (r *Redis) Away(away bool) { r.faults.Away(away) }

// Fall cuts the replica off.
func (r *Redis) Fall() bool {
	if r.faults.Fall == nil {
		return false
	}
	r.faults.Fall()
	return true
}

// Failover turns to the replica, which is one no more.
func (r *Redis) Failover() {
	r.faults.Failover()
	r.leads, r.route = 1, 1
}

// Ask chooses whom to ask.
func (r *Redis) Ask(old bool) {
	r.route = r.leads
	if old {
		r.route = 1 - r.leads
	}
}

// Unify returns when the old primary is a copy.
func (r *Redis) Unify() { r.faults.Unify() }
