package avrocodec

import (
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/schemas"
)

// AppendProfile appends the value of a cohort.profiles.v1 record to dst: an
// upsert, or a delete when p.Deleted. It allocates only to grow dst; equal
// profiles give equal bytes.
func AppendProfile(dst []byte, id uint32, p *cohort.Profile) []byte {
	return appendProfile(appendHeader(dst, id), p)
}

// AppendProfileWatermark appends the value of a fence or heartbeat record of
// cohort.profiles.v1 to dst.
func AppendProfileWatermark(dst []byte, id uint32, w *cohort.Watermark) []byte {
	return appendProfileWatermark(appendHeader(dst, id), w)
}

// DecodeProfile decodes the value of a cohort.profiles.v1 record: into w when it
// returns true, into p otherwise; the other one is left as it was. w may be nil for
// a caller who drops watermarks. An op that a newer release added is taken for an
// upsert. See the package comment for what p aliases.
func DecodeProfile(b []byte, p *cohort.Profile, w *cohort.Watermark) (watermark bool, err error) {
	r := reader{}
	r.open(b)
	watermark = r.profile(p, w)
	return watermark, r.end(schemas.ProfilesTopic)
}

const (
	opUpsert = "upsert"
	opDelete = "delete"
)

func appendProfile(dst []byte, p *cohort.Profile) []byte {
	op := opUpsert
	if p.Deleted {
		op = opDelete
	}
	dst = appendText(dst, op)
	dst = appendText(dst, p.Person)
	dst = appendLong(dst, p.Version)
	dst = appendText(dst, p.Catalogue)
	dst = appendLong(dst, p.UpdatedAt)
	dst = appendIDText(dst, p.ID)
	if len(p.Memberships) > 0 {
		dst = appendLong(dst, int64(len(p.Memberships)))
		for i := range p.Memberships {
			m := &p.Memberships[i]
			dst = appendText(dst, m.Cohort)
			dst = appendLong(dst, m.EnteredAt)
			dst = appendOptTime(dst, m.ValidUntil)
		}
	}
	dst = append(dst, 0)
	return append(dst, noWatermark...)
}

// emptyProfile is what stands between op and the watermark's fields in a
// watermark: person, version, catalogue, updated_at, transition_id, memberships.
const emptyProfile = "\x00\x00\x00\x00\x00\x00"

func appendProfileWatermark(dst []byte, w *cohort.Watermark) []byte {
	dst = appendText(dst, opWatermark)
	dst = append(dst, emptyProfile...)
	return appendWatermark(dst, w)
}

func (r *reader) profile(p *cohort.Profile, w *cohort.Watermark) (watermark bool) {
	op := r.text()
	if op == opWatermark {
		var none cohort.Profile
		r.profileHead(&none)
		r.text()
		r.memberships(&none)
		if w == nil {
			w = new(cohort.Watermark)
		}
		r.watermark(w)
		return true
	}
	p.Deleted = op == opDelete
	r.profileHead(p)
	p.ID = r.id()
	r.memberships(p)
	r.skipWatermark()
	return false
}

func (r *reader) profileHead(p *cohort.Profile) {
	p.Person = r.text()
	p.Version = r.long()
	p.Catalogue = r.text()
	p.UpdatedAt = r.long()
}

func (r *reader) memberships(p *cohort.Profile) {
	p.Memberships = p.Memberships[:0]
	for n := r.block(3); n > 0; n = r.block(3) {
		for ; n > 0 && r.err == nil; n-- {
			name := r.text()
			at := r.long()
			p.Memberships = append(p.Memberships, cohort.Membership{Cohort: name, EnteredAt: at, ValidUntil: r.optLong()})
		}
	}
}
