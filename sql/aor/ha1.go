package aor

import (
	"crypto/md5" //nolint:gosec // RFC 2617 digest asks for it
	"crypto/sha256"
	"encoding/hex"
)

// HA1 returns MD5(user:realm:password) in lower-case hex, the column ha1 of
// the table subscriber (RFC 2617 §3.2.2.2).
func HA1(user, realm, password string) string {
	sum := md5.Sum([]byte(user + ":" + realm + ":" + password)) //nolint:gosec // see import
	return hex.EncodeToString(sum[:])
}

// HA1B returns MD5(user@domain:domain:password) in lower-case hex, the column
// ha1b: what phones compute that put user@domain into the digest's username.
func HA1B(user, domain, password string) string {
	return HA1(user+"@"+domain, domain, password)
}

// HA1SHA256 returns SHA-256(user:realm:password) in lower-case hex
// (RFC 7616 §3.4.2, RFC 8760).
func HA1SHA256(user, realm, password string) string {
	sum := sha256.Sum256([]byte(user + ":" + realm + ":" + password))
	return hex.EncodeToString(sum[:])
}
