package user_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"seraph/webui/internal/user"
)

// TestLivePartsStay: a part of a page that asks for itself when the feed says so is not replaced by what comes, only
// filled with it. htmx forgets what is asked for while an answer is on its way if that takes the asking part out of the page, and
// the page would show what was so before.
func TestLivePartsStay(t *testing.T) {
	templates, err := user.Templates()
	if err != nil {
		t.Fatal(err)
	}
	parts := 0
	err = fs.WalkDir(templates, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".html") {
			return err
		}
		text, err := fs.ReadFile(templates, path)
		for _, tag := range regexp.MustCompile(`<[a-z][^<>]*hx-trigger="live:[^<>]*>`).FindAllString(string(text), -1) {
			if parts++; !strings.Contains(tag, ` hx-swap="innerHTML"`) {
				t.Errorf("%s: %s", path, tag)
			}
		}
		return err
	})
	if err != nil || parts < 5 {
		t.Errorf("%d parts, %v", parts, err)
	}
}
