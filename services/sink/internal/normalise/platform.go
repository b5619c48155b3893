package normalise

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
)

// Kinds of contact.
const (
	TypeEmail = "email"
	TypePhone = "phone"
)

// Encodings of a digest.
const (
	EncodingHex    = "hex"
	EncodingBase64 = "base64"
)

// Digest is one identifier as a platform takes it.
type Digest struct {
	Type         string
	Rule         string
	RulesVersion int32
	Encoding     string
	Value        string
}

// Platform is which rules a platform wants now, and under which it may hold
// digests from before: those have to be removed along with the new ones.
type Platform struct {
	Name           string
	Emails         []EmailRule
	Phones         []PhoneRule
	PreviousEmails []EmailRule
}

// platforms is in the order of names, which are those of the topics. TikTok's two
// help pages contradict each other about the plus in emails, so both digests are
// given. LinkedIn, Pinterest, Microsoft, Reddit and X get no phones from us: they
// take none, or say nowhere in which form.
var platforms = []Platform{
	{Name: "google", Emails: []EmailRule{EmailGoogle}, Phones: []PhoneRule{PhoneGoogle}, PreviousEmails: []EmailRule{EmailGoogleDotsOnly}},
	{Name: "linkedin", Emails: []EmailRule{EmailMeta}},
	{Name: "meta", Emails: []EmailRule{EmailMeta}, Phones: []PhoneRule{PhoneMeta}},
	{Name: "microsoft", Emails: []EmailRule{EmailMeta}},
	{Name: "pinterest", Emails: []EmailRule{EmailMeta}},
	{Name: "reddit", Emails: []EmailRule{EmailReddit}},
	{Name: "snap", Emails: []EmailRule{EmailSnap}, Phones: []PhoneRule{PhoneSnap}},
	{Name: "thetradedesk", Emails: []EmailRule{EmailUID2}, Phones: []PhoneRule{PhoneUID2}},
	{Name: "tiktok", Emails: []EmailRule{EmailTikTokPlain, EmailTikTokPlus}, Phones: []PhoneRule{PhoneTikTokDigits}},
	{Name: "x", Emails: []EmailRule{EmailMeta}},
}

// PlatformNames lists the platforms that have rules, sorted.
func PlatformNames() []string {
	names := make([]string, len(platforms))
	for i, p := range platforms {
		names[i] = p.Name
	}
	return names
}

// Lookup finds a platform by name.
func Lookup(name string) (Platform, bool) {
	i := slices.IndexFunc(platforms, func(p Platform) bool { return p.Name == name })
	if i < 0 {
		return Platform{}, false
	}
	return platforms[i], true
}

// AppendEmail adds the digests of an email, current and previous. A digest that
// stands there already is not added again: most addresses are the same by all
// rules. refused counts rules that do not take the email.
func (p Platform) AppendEmail(current, previous []Digest, raw string) (cur, prev []Digest, refused int) {
	for _, rule := range p.Emails {
		form, err := rule.Normalise(raw)
		if err != nil {
			refused++
			continue
		}
		current = appendNew(current, digest(TypeEmail, rule.ID, rule.Version, rule.Base64, form))
	}
	for _, rule := range p.PreviousEmails {
		form, err := rule.Normalise(raw)
		if err != nil {
			continue
		}
		d := digest(TypeEmail, rule.ID, rule.Version, rule.Base64, form)
		if !has(current, d) {
			previous = appendNew(previous, d)
		}
	}
	return current, previous, refused
}

// AppendPhone is AppendEmail for a phone number; region as in PhoneRule.Normalise.
func (p Platform) AppendPhone(current []Digest, raw, region string) (cur []Digest, refused int) {
	if len(p.Phones) == 0 {
		return current, 0
	}
	e164, err := E164(raw, region)
	if err != nil {
		return current, len(p.Phones)
	}
	for _, rule := range p.Phones {
		current = appendNew(current, digest(TypePhone, rule.ID, rule.Version, rule.Base64, rule.form(e164)))
	}
	return current, 0
}

func digest(kind, rule string, version int32, asBase64 bool, form string) Digest {
	sum := sha256.Sum256([]byte(form))
	d := Digest{Type: kind, Rule: rule, RulesVersion: version, Encoding: EncodingHex}
	if asBase64 {
		d.Encoding, d.Value = EncodingBase64, base64.StdEncoding.EncodeToString(sum[:])
		return d
	}
	d.Value = hex.EncodeToString(sum[:])
	return d
}

func appendNew(list []Digest, d Digest) []Digest {
	if has(list, d) {
		return list
	}
	return append(list, d)
}

func has(list []Digest, d Digest) bool {
	return slices.ContainsFunc(list, func(o Digest) bool {
		return o.Type == d.Type && o.Encoding == d.Encoding && o.Value == d.Value
	})
}

// looksHashed finds hex digests of MD5, SHA-1 and SHA-256, whole values only: a
// text that merely contains one is no digest.
func looksHashed(s string) bool {
	if len(s) != 32 && len(s) != 40 && len(s) != 64 {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}
