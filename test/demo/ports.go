package main

import (
	"errors"
	"fmt"
	"net"
)

// addresses are where the pipeline listens.
type addresses struct {
	http, kafka, registry, admin string
}

// pickAddresses takes the usual ports, or any free one where a usual port is taken,
// and says so. Between the choice and the use another program may still come first;
// the pipeline then says which address it could not have.
func pickAddresses(say func(format string, args ...any)) (addresses, error) {
	var a addresses
	var errs []error
	var held []net.Listener // until all are chosen, so that no two get one port
	for _, want := range []struct {
		name, usual string
		to          *string
	}{
		{"HTTP", "127.0.0.1:8080", &a.http},
		{"Kafka", "127.0.0.1:9092", &a.kafka},
		{"schema registry", "127.0.0.1:8081", &a.registry},
		{"admin", "127.0.0.1:9464", &a.admin},
	} {
		ln, err := net.Listen("tcp", want.usual)
		if err != nil {
			if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
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
