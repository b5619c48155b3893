// Package replay reads recorded shopping events and sends them through the real
// HTTP door, in order. It is the plain sender of the end-to-end suites: no client
// library between the file and the wire.
package replay
