package sip

// TargetURI is a contact's URI as it may stand in a Request-URI: without headers and without the
// parameter method, which RFC 3261 §16.6 step 2 has a proxy remove (§19.1.1, table 1). It is a part
// of uri, or memory of its own where something is cut out of the middle. What is no sip or sips URI
// stays as it is.
func TargetURI(uri []byte) []byte {
	var u URI
	if ParseURI(uri, &u) != nil || u.Scheme != SchemeSIP && u.Scheme != SchemeSIPS {
		return uri
	}
	if u.Headers != nil {
		end := len(uri) - len(u.Headers) - 1
		uri = uri[:end:end]
		u.Raw, u.Headers = uri, nil
	}
	if _, has := u.Param("method"); has {
		return u.AppendWithout(nil, "method")
	}
	return uri
}

// ParseQ reads a qvalue in thousandths, from 0 to 1000. It takes more than RFC 3261 §25.1 writes:
// digits beyond the third, which are cut off, and none or more than one before the dot, as some
// phones have it. False for what is no number, or above 1.
func ParseQ(b []byte) (thousandths int16, ok bool) {
	whole, unit, digits, rest, dot := 0, 100, 0, false, false
	for _, c := range b {
		switch {
		case c == '.' && !dot:
			dot = true
			continue
		case c < '0' || c > '9':
			return 0, false
		case !dot:
			whole = min(whole*10+int(c-'0')*1000, 10000)
		default:
			whole += int(c-'0') * unit
			rest = rest || unit == 0 && c != '0'
			unit /= 10
		}
		digits++
	}
	if digits == 0 || whole > 1000 || whole == 1000 && rest {
		return 0, false
	}
	return int16(whole), true
}
