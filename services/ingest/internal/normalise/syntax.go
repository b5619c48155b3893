package normalise

import (
	"errors"

	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// Syntax makes a Fault of an error of package wire.
func Syntax(err error) *Fault {
	switch {
	case errors.Is(err, wire.ErrDepth):
		return Unfit(ReasonTooDeep, "", err.Error())
	case errors.Is(err, wire.ErrShape):
		return Unfit(ReasonShape, "", err.Error())
	}
	return Unfit(ReasonMalformed, "", err.Error())
}

// ID reads an identifier that may be text or a number. null, absent and "" are none.
func ID(field string, v wire.Value) (string, *Fault) {
	name, ok := v.Name()
	if !ok {
		return "", Unfit(ReasonInvalid, field, "an id is text or a number")
	}
	return name, nil
}
