package aor

import "strings"

// CanonicalTarget reads where a request can be sent: everything that CanonicalURI
// takes, and a SIP URI that has a host and no user, sip:192.0.2.7:5062.
func CanonicalTarget(s, defaultDomain string) (string, error) {
	uri, err := CanonicalURI(s, defaultDomain)
	if err == nil {
		return uri, nil
	}
	scheme, host := cutScheme(strings.TrimSpace(s))
	if scheme == "" || strings.Contains(host, "@") {
		return "", err
	}
	const lent = "x@" // a user for the check
	uri, hostErr := CanonicalURI(scheme+":"+lent+host, "")
	if hostErr != nil {
		return "", err
	}
	return strings.Replace(uri, lent, "", 1), nil
}
