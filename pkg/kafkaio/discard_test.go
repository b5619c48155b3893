package kafkaio

import "net"

// discardConn swallows what is written.
type discardConn struct{ net.Conn }

func (discardConn) Write(p []byte) (int, error) { return len(p), nil }
