// Package kafkaio is the one room that knows Kafka. It owns the record-batch
// format, a fetcher, an idempotent producer, the fenced writer of one
// partition, group membership and topic checks. It never interprets a record's
// value and never decides what a position means.
//
// kafka-go supplies connections, TLS, SASL, version negotiation and the classic
// group protocol. Requests that matter for speed or safety (Produce, Fetch) are
// encoded here, on the same pooled connections, because the client's own codecs
// deliver control records, skip the checksum and cannot write idempotently.
//
// Order: records of one partition are delivered and written in order. Offsets
// never jump: a position that the log no longer holds is an error that the
// caller must decide about.
package kafkaio
