package user_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestMissedWrittenLate: a call that ended long after it began has a high id and stands
// far back. It is on a page, counts as seen, and is cleared with the rest.
func TestMissedWrittenLate(t *testing.T) {
	s := newSite(t)
	now := time.Now()
	for i := range 60 {
		s.missed(alice, fmt.Sprintf("sip:caller%d@example.org", i), "", now.Add(time.Duration(i)*time.Second), 480, "")
	}
	s.missed(alice, "sip:long.ringing@example.org", "", now.Add(-time.Hour), 480, "") // the highest id of all, the oldest call
	b := s.signIn(alice)
	if missed, _ := b.get("/user/phone-book").badges(); missed != "61" {
		t.Errorf("badge %q, want 61", missed)
	}
	b.get("/user/missed").shows(t, http.StatusOK, "1 to 50 of 61")
	page := b.get("/user/missed?page=2")
	page.shows(t, http.StatusOK, "51 to 61 of 61", "long.ringing@example.org")
	if missed, _ := page.badges(); missed != "" {
		t.Errorf("badge %q after the list was looked at", missed)
	}
	_, upTo, _ := strings.Cut(page.body, "upto=")
	upTo, _, _ = strings.Cut(upTo, `"`)
	b.post("/user/missed/delete", "upto", upTo).shows(t, http.StatusOK, "61 calls are deleted.", "You have missed no calls")
}
