package embedded

import (
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// Redis is a Redis in this process's memory, on a free loopback port. It begins empty
// at every start: the state is rebuilt from the log.
type Redis struct {
	URL    string
	server *miniredis.Miniredis
}

// StartRedis starts it.
func StartRedis() (*Redis, error) {
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	return &Redis{URL: "redis://" + server.Addr(), server: server}, nil
}

// Close ends it; its content is gone.
func (r *Redis) Close() { r.server.Close() }
