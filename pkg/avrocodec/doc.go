// Package avrocodec turns domain records into the bytes that stand in Kafka and
// back: the Confluent wire format (a zero byte, the schema id in four bytes, an
// Avro body) in the layouts of package schemas. It also knows which schema has
// which id, from the embedded table or from a registry, and answers as a registry
// for readers.
//
// There are two codecs behind one interface, Codec: the hand-written one, which
// Append... and Decode... are the short form of, and the reference on goavro, which
// the tests hold it against and which decodes what newer releases wrote.
//
// # What decoding gives
//
// Decoded strings and byte slices alias the input: nothing is copied, so the input
// must not change for as long as anything decoded from it is in use, and a kept
// string keeps its whole input alive (strings.Clone what is kept for long). The
// target is overwritten and its slices and maps are used again; whoever keeps a copy
// of a decoded struct while decoding into the original must copy those too. After an
// error the target's content means nothing.
//
// Input is not trusted: it may be cut, wrong or hostile. Decoding never panics and
// never allocates more than a small multiple of the input's length. Text is not
// checked to be UTF-8.
//
// Decode... takes the input for one of this release's schemas, whatever id it carries,
// and reads every version of them: a version only ever adds fields at the end, and a
// record that ends where an earlier version did has their defaults. Records that a
// newer release may have written go through a Resolver.
package avrocodec
