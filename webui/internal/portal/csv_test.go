package portal_test

import (
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"seraph/webui/internal/portal"
)

// rowsThen gives the rows and then, if it is not nil, the error.
func rowsThen(err error, rows ...[]string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func TestSendCSV(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	for _, c := range []struct {
		name string
		rows [][]string
		want string
	}{
		{"none", nil, "\ufeffname,note\r\n"},
		{"plain", [][]string{{"Bob", "desk 4"}}, "\ufeffname,note\r\nBob,desk 4\r\n"},
		{"quoted", [][]string{{`Bob "B", Keller`, ""}}, "\ufeffname,note\r\n\"Bob \"\"B\"\", Keller\",\r\n"},
		{"formula", [][]string{{"=1+2", "+420"}, {"-1", "@SUM(A1)"}, {"'=x", " =y"}, {"＝z", "'quoted'"}},
			"\ufeffname,note\r\n'=1+2,'+420\r\n'-1,'@SUM(A1)\r\n''=x,' =y\r\n'＝z,'quoted'\r\n"},
		{"formula for whom semicolons part cells", [][]string{{"a;=1+2", "b; +3;c;'@d"}, {"x\t-1\n=2", `;"=3"`}},
			"\ufeffname,note\r\na;'=1+2,b;' +3;c;''@d\r\n\"x\t'-1\r\n'=2\",\";'\"\"=3\"\"\"\r\n"},
	} {
		w := httptest.NewRecorder()
		if err := portal.SendCSV(w, log, "book.csv", []string{"name", "note"}, rowsThen(nil, c.rows...)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := w.Body.String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := w.Header().Get("Content-Disposition"); got != `attachment; filename="book.csv"` {
			t.Errorf("%s: Content-Disposition %q", c.name, got)
		}
		if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/csv; charset=utf-8") {
			t.Errorf("%s: Content-Type %q", c.name, got)
		}
	}
}

// TestSendCSVFails: before the first row there is still time for an error's page; after it
// the download breaks off.
func TestSendCSVFails(t *testing.T) {
	broken := errors.New("database gone")
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	w := httptest.NewRecorder()
	if err := portal.SendCSV(w, log, "x.csv", []string{"a"}, rowsThen(broken)); !errors.Is(err, broken) || w.Body.Len() != 0 || len(w.Header()) != 0 {
		t.Errorf("before the first row: %v, sent %q %v", err, w.Body, w.Header())
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = portal.SendCSV(w, log, "x.csv", []string{"a"}, rowsThen(broken, []string{strings.Repeat("b", 9000)}))
	}))
	defer site.Close()
	res, err := http.Get(site.URL)
	if err != nil {
		return // broken off before the header: as good
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("half a file of %d bytes looks whole", len(body))
	}
}

func TestCSVCellComesBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[' ";\t\r\n=+@a-]{0,8}`), rapid.String()).Draw(r, "text")
		cell := portal.CSVCell(text)
		if got := portal.ReadCSVCell(cell); got != text {
			r.Fatalf("%q becomes %q, which is read as %q", text, cell, got)
		}
		for _, piece := range strings.FieldsFunc(cell, func(c rune) bool { return strings.ContainsRune(";\t\r\n", c) }) {
			if strings.IndexAny(strings.TrimLeft(piece, ` "`), "=+-@") == 0 {
				r.Fatalf("%q becomes %q, of which a spreadsheet runs %q", text, cell, piece)
			}
		}
	})
}
