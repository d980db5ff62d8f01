// Package registrar is the registrar (RFC 3261 §10): save answers a REGISTER and
// changes the bindings of module usrloc, lookup turns an address of record into
// the contacts that a request is sent to.
package registrar
