package normalise

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// PhoneRule says in which form a platform hashes an E.164 number.
type PhoneRule struct {
	ID      string
	Version int32
	Base64  bool

	plus bool // keeps the leading +
}

// Phone rules.
var (
	PhoneMeta         = PhoneRule{ID: "META", Version: 1}
	PhoneSnap         = PhoneRule{ID: "SNAP", Version: 1}
	PhoneGoogle       = PhoneRule{ID: "GOOGLE", Version: 1, plus: true}
	PhoneTikTokDigits = PhoneRule{ID: "TIKTOK_DIGITS", Version: 1}
	PhoneTikTokE164   = PhoneRule{ID: "TIKTOK_E164", Version: 1, plus: true}
	PhoneUID2         = PhoneRule{ID: "UID2_TTD", Version: 1, plus: true, Base64: true}
)

// Normalise gives the form that is hashed. region is the two-letter country of the
// person, upper case; "" takes only numbers that carry their country code.
func (r PhoneRule) Normalise(raw, region string) (string, error) {
	e164, err := E164(raw, region)
	if err != nil {
		return "", err
	}
	return r.form(e164), nil
}

func (r PhoneRule) form(e164 string) string {
	if r.plus {
		return e164
	}
	return strings.TrimPrefix(e164, "+")
}

// KnownRegion says whether a two-letter country is one that numbers can be read for.
func KnownRegion(region string) bool {
	return phonenumbers.GetCountryCodeForRegion(region) != 0
}

// unknownRegion is the library's name for "no default".
const unknownRegion = "ZZ"

// E164 reads a number as a person would have written it. A number is taken when
// its length is possible for its country: whether it is assigned is not asked,
// because the library's tables lag behind the numbering plans.
func E164(raw, region string) (string, error) {
	clean := strings.TrimSpace(dropInvisible(raw))
	switch {
	case clean == "":
		return "", fmt.Errorf("phone: %w", ErrEmpty)
	case looksHashed(clean):
		return "", fmt.Errorf("phone: %w", ErrPrehashed)
	case isScientific(clean):
		return "", fmt.Errorf("phone was mangled into scientific notation: %w", ErrMalformed)
	}
	digits, plus := foldDigits(clean)
	if strings.Trim(digits, "0") == "" {
		return "", fmt.Errorf("phone has no digit but zero: %w", ErrEmpty)
	}
	if plus && digits[0] == '0' {
		// "+001 800 ...": somebody put a plus before an international prefix.
		return possible("+"+strings.TrimLeft(digits, "0"), unknownRegion)
	}
	if region == "" {
		region = unknownRegion
	}
	if region == unknownRegion && !plus {
		return "", fmt.Errorf("phone: %w", ErrNoCountry)
	}
	national, err := possible(clean, region)
	if plus || err == nil && isValid(national) {
		return national, err
	}
	// Digits that begin with the region's own country code are as a rule an
	// international number without its plus; the library would prefix it twice.
	code := fmt.Sprint(phonenumbers.GetCountryCodeForRegion(region))
	if strings.HasPrefix(digits, code) {
		if international, intlErr := possible("+"+digits, unknownRegion); intlErr == nil {
			return international, nil
		}
	}
	return national, err
}

// possible parses a number and checks its length against its country's plan.
func possible(number, region string) (string, error) {
	parsed, err := phonenumbers.Parse(number, region)
	if err != nil {
		return "", fmt.Errorf("phone cannot be read: %w", ErrMalformed) // the library's text may hold the number
	}
	if phonenumbers.IsPossibleNumberWithReason(parsed) != phonenumbers.IS_POSSIBLE {
		return "", fmt.Errorf("phone has no possible length for its country: %w", ErrMalformed)
	}
	return phonenumbers.Format(parsed, phonenumbers.E164), nil
}

func isValid(e164 string) bool {
	parsed, err := phonenumbers.Parse(e164, unknownRegion)
	return err == nil && phonenumbers.IsValidNumber(parsed)
}

// foldDigits gives the decimal digits of any script as ASCII, and whether a plus
// of any width stands before the first of them.
func foldDigits(s string) (digits string, plus bool) {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '+' || r == '\uff0b':
			plus = plus || b.Len() == 0
		case unicode.Is(unicode.Nd, r):
			b.WriteByte('0' + digitValue(r))
		}
	}
	return b.String(), plus
}

// digitValue counts from the zero of the script: the Nd ranges are runs of ten.
func digitValue(r rune) byte {
	if r < 0x80 {
		return byte(r - '0')
	}
	n := byte(0)
	for n < 9 && unicode.Is(unicode.Nd, r-1) {
		r--
		n++
	}
	return n
}

// isScientific finds what spreadsheets make of numbers: 1.80055501E10.
func isScientific(s string) bool {
	mantissa, exponent, found := strings.Cut(strings.ToUpper(s), "E")
	if !found {
		return false
	}
	exponent = strings.TrimLeft(exponent, "+-")
	mantissa = strings.Replace(mantissa, ".", "", 1)
	return allDigits(mantissa) && allDigits(exponent)
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
