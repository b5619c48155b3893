// Package normalise turns contacts into the digests that ad platforms match on.
//
// Every platform has rules of its own, and they change: so a rule has an id and a
// version, and both travel with the digest. The package is pure. It never guesses
// whether a value is hashed already: it refuses what looks like a digest. What it
// refuses it names by a reason without repeating the value, for values are personal.
package normalise

import "errors"

// Reasons why a contact is refused. Errors of this package wrap one of them and
// never hold the contact.
var (
	ErrEmpty     = errors.New("nothing is left of the contact")
	ErrMalformed = errors.New("the contact is not of the form that platforms take")
	ErrPrehashed = errors.New("the contact looks like a digest already and would be hashed twice")
	ErrNoCountry = errors.New("the number has no country code and no default region is set")
)
