package e2e_test

import (
	"fmt"
	"testing"

	"seraph/e2e/stand"
)

// TestContactsHaveALimit: who has as many contacts as the router allows is told so beside
// the field.
func TestContactsHaveALimit(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice"}})
	w := signIn(t, s, "alice")
	w.Open("/user/account/phones")
	for i := range 5 { // half of what one may have: phones find room
		contact := fmt.Sprintf("sip:desk%d@192.0.2.7", i)
		w.Fill("Add a contact", contact)
		w.Press("Add")
		w.Shows(contact + " is added.")
	}
	w.Fill("Add a contact", "sip:one.too.many@192.0.2.7")
	w.Press("Add")
	w.Shows("You have as many contacts as the router allows, in all or added by hand. Remove one first.")
	w.Press("Remove sip:desk3@192.0.2.7")
	w.Press("Remove the phone")
	w.Shows("sip:desk3@192.0.2.7 is removed.")
	w.Fill("Add a contact", "sip:one.too.many@192.0.2.7")
	w.Press("Add")
	w.Shows("sip:one.too.many@192.0.2.7 is added.")
}
