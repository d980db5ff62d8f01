package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Values of --output.
const (
	outputTable = "table"
	outputJSON  = "json"
	outputCSV   = "csv"
)

// asJSON reports whether results are wanted as JSON.
func (a *app) asJSON() bool { return a.output == outputJSON }

// writeJSON prints v indented.
func (a *app) writeJSON(v any) error {
	raw, err := encodeJSON(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s\n", safeJSON(b.Bytes()))
	return err
}

// writeJSONLine prints v on one line, for results that come one after another.
func (a *app) writeJSONLine(v any) error {
	raw, err := encodeJSON(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s\n", safeJSON(raw))
	return err
}

// encodeJSON is json.Marshal without the escapes for HTML: addresses have < and >.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// writeTable prints rows with aligned columns under a heading.
func (a *app) writeTable(heading []string, rows [][]string) error {
	if !a.quiet {
		rows = append([][]string{heading}, rows...)
	}
	if a.output == outputCSV {
		return a.writeCSV(rows)
	}
	widths := make([]int, len(heading))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = safe(cell)
			widths[i] = max(widths[i], columns(row[i]))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(alignRow(row, widths))
		b.WriteByte('\n')
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

// writeCSV prints rows as RFC 4180 has them.
func (a *app) writeCSV(rows [][]string) error {
	w := csv.NewWriter(a.out)
	w.UseCRLF = true
	for _, row := range rows {
		for i := range row {
			row[i] = csvCell(row[i])
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// csvCell is a cell that no spreadsheet takes for a formula: names and user agents are what
// strangers chose. A lone dash is nothing, as in a table.
func csvCell(text string) string {
	text = safe(text)
	if text == "-" {
		return ""
	}
	if _, err := strconv.ParseFloat(text, 64); err != nil && text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
		return "'" + text
	}
	return text
}

// alignRow pads every cell but the last ones that hold nothing.
func alignRow(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(cell)
		b.WriteString(strings.Repeat(" ", widths[i]-columns(cell)+2))
	}
	return strings.TrimRight(b.String(), " ")
}

// writePairs prints names and values, a line each.
func (a *app) writePairs(pairs [][2]string) error {
	if a.output == outputCSV {
		rows := make([][]string, len(pairs))
		for i, p := range pairs {
			rows[i] = p[:]
		}
		return a.writeCSV(rows)
	}
	widest := 0
	for _, p := range pairs {
		widest = max(widest, columns(p[0]))
	}
	for _, p := range pairs {
		if _, err := fmt.Fprintf(a.out, "%s%s  %s\n", p[0], strings.Repeat(" ", widest-columns(p[0])), safe(p[1])); err != nil {
			return err
		}
	}
	return nil
}

// done confirms a change: v as JSON, or a sentence.
func (a *app) done(v any, format string, args ...any) error {
	if a.asJSON() {
		return a.writeJSON(v)
	}
	if a.quiet {
		return nil
	}
	_, err := fmt.Fprintln(a.out, safe(fmt.Sprintf(format, args...)))
	return err
}
