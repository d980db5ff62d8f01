package portal

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// csvTime is how long a file may take to leave, however long the answer to a page may.
const csvTime = 10 * time.Minute

// byteOrderMark begins our CSV files: without it Excel takes UTF-8 for the local code page.
const byteOrderMark = "\ufeff"

// Attachment has the answer saved as a file of that name, which must be ASCII without
// quotes: our own words, never a person's.
func Attachment(w http.ResponseWriter, contentType, name string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(csvTime)) // a test's writer cannot
}

// SendCSV answers with a CSV file (RFC 4180, UTF-8 with a byte order mark) of a head and
// rows, row by row: nothing grows with the number of rows. Cells are made so that no
// spreadsheet runs them, see CSVCell. An error that comes before the first row is returned,
// and nothing has been sent: the caller makes an error page. One that comes later goes to
// the log and breaks the answer off (http.ErrAbortHandler), so that half a file never looks
// like a whole one.
func SendCSV(w http.ResponseWriter, log *slog.Logger, name string, head []string, rows iter.Seq2[[]string, error]) error {
	var file *csv.Writer
	for row, err := range rows {
		switch {
		case err != nil && file == nil:
			return err
		case err != nil:
			log.Error("file broken off", "file", name, "error", err)
			panic(http.ErrAbortHandler)
		}
		if file == nil {
			file = startCSV(w, name, head)
		}
		if writeCells(file, row) != nil {
			return nil // the browser has gone
		}
	}
	if file == nil {
		file = startCSV(w, name, head)
	}
	file.Flush() // an error means that the browser has gone
	return nil
}

func startCSV(w http.ResponseWriter, name string, head []string) *csv.Writer {
	Attachment(w, "text/csv; charset=utf-8; header=present", name)
	_, _ = io.WriteString(w, byteOrderMark) // the next write fails, too
	file := csv.NewWriter(w)
	file.UseCRLF = true
	_ = writeCells(file, head) // as above
	return file
}

func writeCells(file *csv.Writer, cells []string) error {
	safe := make([]string, len(cells))
	for i, cell := range cells {
		safe[i] = CSVCell(cell)
	}
	return file.Write(safe)
}

// CSVCell makes a cell that a spreadsheet shows and does not run: what it would take for
// a formula begins with an apostrophe, the spreadsheets' own mark of a text. That is so for
// the cell and for each piece of it behind a semicolon, a tab or an end of line: a
// spreadsheet that takes those for the ends of cells, as Excel does with semicolons in half
// of Europe, makes cells of the pieces. ReadCSVCell takes exactly that back.
func CSVCell(text string) string {
	return eachPiece(text, func(piece string) string {
		if isFormula(piece) {
			return "'" + piece
		}
		return piece
	})
}

// ReadCSVCell is the text of a cell of ours: ReadCSVCell(CSVCell(t)) is t for each t.
func ReadCSVCell(cell string) string {
	return eachPiece(cell, func(piece string) string {
		if rest, marked := strings.CutPrefix(piece, "'"); marked && isFormula(rest) {
			return rest
		}
		return piece
	})
}

// cellEnds are what some spreadsheet takes for the end of a cell, apart from the comma,
// which encoding/csv quotes.
const cellEnds = ";\t\r\n"

// eachPiece is a text with change made to each piece between cellEnds.
func eachPiece(text string, change func(string) string) string {
	var changed strings.Builder
	for {
		end := strings.IndexAny(text, cellEnds)
		if end < 0 {
			changed.WriteString(change(text))
			return changed.String()
		}
		changed.WriteString(change(text[:end]))
		changed.WriteByte(text[end])
		text = text[end+1:]
	}
}

// isFormula reports whether a spreadsheet might run a piece of text: it begins with =, +, -
// or @, or with their full-width forms, behind space and quotes or not. Apostrophes before
// it make no difference, so that marking is reversible.
func isFormula(piece string) bool {
	return strings.IndexAny(strings.TrimLeft(piece, "'\" \u00a0\u3000"), "=+-@＝＋－＠") == 0
}
