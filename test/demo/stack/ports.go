package stack

import (
	"errors"
	"fmt"
	"net"
)

// Addresses are where the pipeline listens, as host:port.
type Addresses struct {
	HTTP, Kafka, Registry, Admin, Console string
}

// Usual takes the usual ports, or any free one where a usual port is taken, and says
// so. Between the choice and the use another program may still come first; the
// pipeline then says which address it could not have.
func Usual(say func(format string, args ...any)) (Addresses, error) {
	return pick([5]string{"127.0.0.1:8080", "127.0.0.1:9092", "127.0.0.1:8081", "127.0.0.1:9464", "127.0.0.1:8090"}, say)
}

// Free takes any free ports, so that several pipelines can run side by side.
func Free() (Addresses, error) {
	return pick([5]string{anyPort, anyPort, anyPort, anyPort, anyPort}, func(string, ...any) {})
}

const anyPort = "127.0.0.1:0"

func pick(usual [5]string, say func(format string, args ...any)) (Addresses, error) {
	var a Addresses
	var errs []error
	var held []net.Listener // until all are chosen, so that no two get one port
	for _, want := range []struct {
		name, usual string
		to          *string
	}{
		{"HTTP", usual[0], &a.HTTP},
		{"Kafka", usual[1], &a.Kafka},
		{"schema registry", usual[2], &a.Registry},
		{"admin", usual[3], &a.Admin},
		{"the read API", usual[4], &a.Console},
	} {
		ln, err := net.Listen("tcp", want.usual)
		if err != nil {
			if ln, err = net.Listen("tcp", anyPort); err != nil {
				errs = append(errs, fmt.Errorf("find a port for %s: %w", want.name, err))
				continue
			}
			say("%s is taken, so %s goes to %s.", want.usual, want.name, ln.Addr())
		}
		held = append(held, ln)
		*want.to = ln.Addr().String()
	}
	for _, ln := range held {
		errs = append(errs, ln.Close())
	}
	return a, errors.Join(errs...)
}
