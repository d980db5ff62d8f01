package tlsmod

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// section is the settings of one [server:…] or [client:…].
type section struct {
	client     bool
	def        bool           // [server:default], [client:default]
	addr       netip.AddrPort // without a port: any port
	line       int            // in the file
	serverName string

	method, certificate, privateKey, caList string
	crl                                     string
	ownCRL                                  bool // not inherited
	verify, require                         *bool
	depth                                   *int
}

// methods are the values of tls_method: the lowest and highest version, 0 for the highest
// that there is.
var methods = map[string][2]uint16{
	"TLSv1": {tls.VersionTLS10, tls.VersionTLS10}, "TLSv1+": {tls.VersionTLS10, 0},
	"TLSv1.1": {tls.VersionTLS11, tls.VersionTLS11}, "TLSv1.1+": {tls.VersionTLS11, 0},
	"TLSv1.2": {tls.VersionTLS12, tls.VersionTLS12}, "TLSv1.2+": {tls.VersionTLS12, 0},
	"TLSv1.3": {tls.VersionTLS13, tls.VersionTLS13}, "TLSv1.3+": {tls.VersionTLS13, 0},
}

const defaultMethod = "TLSv1.2+"

// keys are the settings that a section knows.
var keys = []string{"method", "tls_method", "certificate", "private_key", "ca_list", "crl", "verify_certificate",
	"require_certificate", "verify_depth", "server_name"}

// set takes one setting.
func (s *section) set(key, value string) error {
	switch key {
	case "method", "tls_method":
		if _, ok := methods[value]; !ok {
			return fmt.Errorf("%s %q is none of TLSv1.2+, TLSv1.2, TLSv1.3 and so on; SSL is not spoken", key, value)
		}
		s.method = value
	case "certificate":
		return setPath(&s.certificate, key, value)
	case "private_key":
		return setPath(&s.privateKey, key, value)
	case "ca_list":
		return setPath(&s.caList, key, value)
	case "crl":
		s.ownCRL = true
		return setPath(&s.crl, key, value)
	case "server_name":
		s.serverName = strings.ToLower(strings.TrimSuffix(value, "."))
	case "verify_certificate":
		return setSwitch(&s.verify, key, value)
	case "require_certificate":
		return setSwitch(&s.require, key, value)
	case "verify_depth":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 32 {
			return fmt.Errorf("verify_depth %q is no number from 0 to 32", value)
		}
		s.depth = &n
	default:
		return fmt.Errorf("%q is not supported; a section knows %s", key, strings.Join(keys, ", "))
	}
	return nil
}

// has reports whether a setting has been made.
func (s *section) has(key string) bool {
	switch key {
	case "method", "tls_method":
		return s.method != ""
	case "certificate":
		return s.certificate != ""
	case "private_key":
		return s.privateKey != ""
	case "ca_list":
		return s.caList != ""
	case "crl":
		return s.crl != ""
	case "verify_certificate":
		return s.verify != nil
	case "require_certificate":
		return s.require != nil
	}
	return false
}

func setPath(to *string, key, value string) error {
	if value == "" {
		return fmt.Errorf("%s is the path of a file", key)
	}
	*to = value
	return nil
}

func setSwitch(to **bool, key, value string) error {
	on := slices.Contains([]string{"1", "yes", "on", "true", "enabled"}, strings.ToLower(value))
	if !on && !slices.Contains([]string{"0", "no", "off", "false", "disabled"}, strings.ToLower(value)) {
		return fmt.Errorf("%s is yes or no, not %q", key, value)
	}
	*to = &on
	return nil
}

// inherit takes what is not set from another section.
func (s *section) inherit(from *section) {
	for _, f := range []struct{ to, from *string }{
		{&s.method, &from.method}, {&s.caList, &from.caList}, {&s.crl, &from.crl},
	} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	if s.certificate == "" && s.privateKey == "" { // only together: a key fits one certificate
		s.certificate, s.privateKey = from.certificate, from.privateKey
	}
	if s.verify == nil {
		s.verify = from.verify
	}
	if s.require == nil {
		s.require = from.require
	}
	if s.depth == nil {
		s.depth = from.depth
	}
}

// matches reports whether the section is for an address.
func (s *section) matches(addr netip.AddrPort) bool {
	switch {
	case !s.addr.Addr().IsValid():
		return true
	case s.addr.Port() != 0 && s.addr.Port() != addr.Port():
		return false
	}
	return s.addr.Addr() == addr.Addr() || s.addr.Addr().IsUnspecified()
}
