package server_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// upload is a form with a file of that length.
func upload(t *testing.T, path, csrf string, length int) *http.Request {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	check(t, form.WriteField("csrf", csrf))
	file, err := form.CreateFormFile("file", "book.csv")
	check(t, err)
	_, err = file.Write([]byte("address\nbob\n" + strings.Repeat("\n", length)))
	check(t, err)
	check(t, form.Close())
	r := httptest.NewRequest(http.MethodPost, "http://portal.example.org"+path, &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return r
}

// TestUploads: a long form is read only where a file belongs and of those who are signed in,
// up to a limit, and with the session's token like any other. What was kept in a file meanwhile is gone.
func TestUploads(t *testing.T) {
	s := newStand(t, nil)
	files := t.TempDir()
	t.Setenv("TMPDIR", files)
	const path = "/user/phone-book/import"
	b := s.browser().signIn("alice", "wonderland")
	token := b.get(path).is(200).form(path).Get("csrf")
	b.send(upload(t, path, token, 1<<20)).is(200).shows("1 new.")
	b.send(upload(t, path, token, 5<<20)).is(413).shows("That is too much")
	b.send(upload(t, path, "", 10)).is(403)
	b.send(upload(t, path, strings.Repeat("A", 43), 1<<20)).is(403)
	b.send(upload(t, "/user/account", token, 1<<20)).is(403) // no field of such a form is read there
	if a := s.browser().send(upload(t, path, token, 1<<20)); a.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a stranger's long form: status %d, want 413", a.Code)
	}
	broken := upload(t, path, token, 10)
	broken.Header.Set("Content-Type", "multipart/form-data; boundary=other")
	if a := b.send(broken); a.Code != http.StatusBadRequest {
		t.Errorf("a form in pieces: status %d, want 400", a.Code)
	}
	crossed := upload(t, path, token, 10)
	crossed.Header.Set("Sec-Fetch-Site", "cross-site")
	b.send(crossed).is(403)
	if left, err := os.ReadDir(files); err != nil || len(left) != 0 {
		t.Errorf("files of forms are left: %v %v", left, err)
	}
}
