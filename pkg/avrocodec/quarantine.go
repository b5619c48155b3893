package avrocodec

import "github.com/cohortflow/cohortflow/schemas"

// AppendQuarantine appends the value of a customerio.quarantine.v1 record to dst.
// It allocates only to grow dst (and to sort more than 32 headers).
func AppendQuarantine(dst []byte, id uint32, q *Quarantine) []byte {
	return appendQuarantine(appendHeader(dst, id), q)
}

// DecodeQuarantine decodes the value of a customerio.quarantine.v1 record and
// overwrites all of q. See the package comment for what q aliases.
func DecodeQuarantine(b []byte, q *Quarantine) error {
	r := reader{}
	r.open(b)
	r.quarantine(q)
	return r.end(schemas.QuarantineTopic)
}

func appendQuarantine(dst []byte, q *Quarantine) []byte {
	dst = appendText(dst, q.ID)
	dst = appendText(dst, q.Source)
	dst = appendOptText(dst, q.Workspace)
	dst = appendText(dst, q.Reason)
	dst = appendOptText(dst, q.Detail)
	dst = appendText(dst, q.Method)
	dst = appendText(dst, q.Path)
	dst = appendTexts(dst, q.Headers)
	dst = appendOptText(dst, q.ContentType)
	dst = appendBytes(dst, q.Body)
	dst = appendLong(dst, q.ReceivedAt)
	return appendBool(dst, q.Truncated)
}

func (r *reader) quarantine(q *Quarantine) {
	q.ID = r.text()
	q.Source = r.text()
	q.Workspace = r.optText()
	q.Reason = r.text()
	q.Detail = r.optText()
	q.Method = r.text()
	q.Path = r.text()
	q.Headers = r.texts(q.Headers)
	q.ContentType = r.optText()
	q.Body = r.bytes()
	q.ReceivedAt = r.long()
	q.Truncated = r.bool()
}
