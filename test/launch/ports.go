package launch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken below the range that systems use for outgoing connections: a process that is being
// restarted would otherwise find its own port taken by a client.
const lowestPort, highestPort = 12_000, 22_000

// freePorts finds n ports on 127.0.0.1 that nobody listens on.
func freePorts(n int) ([]int, error) {
	found := make([]int, 0, n)
	for range 200 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		listener, err := net.Listen("tcp", address(port))
		if err != nil {
			continue
		}
		defer listener.Close() // held until all are found, so that they differ
		if found = append(found, port); len(found) == n {
			return found, nil
		}
	}
	return nil, errors.New("no free port found on 127.0.0.1 between " + strconv.Itoa(lowestPort) + " and " + strconv.Itoa(highestPort))
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
