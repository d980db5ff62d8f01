package contacts

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"seraph/webui/internal/portal"
)

// Columns are the heads of our own files, in their order.
func Columns() []string { return []string{"first_name", "last_name", "address", "group", "note"} }

// Cells are a contact's cells below Columns.
func (c Contact) Cells() []string { return []string{c.First, c.Last, c.Address, c.Group, c.Note} }

// What a column may hold.
const (
	columnFirst = iota
	columnLast
	columnAddress
	columnGroup
	columnNote
	columnName   // first and last name in one
	columnNumber // a telephone number
	columns
)

// heads are the names of columns that are read, in lower case with spaces.
var heads = map[string]int{
	"first name": columnFirst, "firstname": columnFirst, "given name": columnFirst,
	"last name": columnLast, "lastname": columnLast, "family name": columnLast, "surname": columnLast,
	"address": columnAddress, "sip address": columnAddress, "sip": columnAddress, "sip uri": columnAddress, "uri": columnAddress,
	"group": columnGroup, "groups": columnGroup, "category": columnGroup, "categories": columnGroup,
	"note": columnNote, "notes": columnNote, "comment": columnNote,
	"name": columnName, "full name": columnName, "display name": columnName,
	"number": columnNumber, "phone": columnNumber, "phone number": columnNumber, "telephone": columnNumber,
	"mobile phone": columnNumber, "phone 1 - value": columnNumber,
}

// maxCells bounds the cells of one line.
const maxCells = 1000

// readCSV reads rows below a head that names the columns, in any order; the cells are
// separated by commas, semicolons or tabs, as the head is.
func readCSV(text []byte, domain string) (File, error) {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.Comma, reader.FieldsPerRecord, reader.ReuseRecord = separator(text), -1, true
	file := File{Kind: "csv"}
	for line := range bytes.Lines(text) {
		if bytes.Count(line, []byte(string(reader.Comma))) > maxCells {
			return file, ErrBinary
		}
	}
	head, err := reader.Read()
	if err != nil {
		return file, ErrHeader
	}
	places, unused := readHead(head)
	if places[columnAddress] < 0 && places[columnNumber] < 0 {
		return file, ErrHeader
	}
	file.Unused = unused
	for {
		row, err := reader.Read()
		var fault *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return file, nil
		case errors.As(err, &fault):
			file.Contacts = append(file.Contacts, Contact{Line: fault.StartLine, First: shown(strings.Join(row, " ")), Fault: FaultQuotes})
		case err != nil: // bytes in memory do not fail
			return file, err
		case strings.TrimSpace(strings.Join(row, "")) != "":
			line, _ := reader.FieldPos(0)
			file.Contacts = append(file.Contacts, readRow(row, places, line, domain))
		}
		if len(file.Contacts) > MaxRows {
			return file, ErrTooMany
		}
	}
}

// separator is what stands most often in the first line.
func separator(text []byte) rune {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	best, most := ',', bytes.Count(line, []byte(","))
	for _, r := range []rune{';', '\t'} {
		if n := bytes.Count(line, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// maxUnused bounds what is told of columns that are not read.
const maxUnused = 20

// readHead finds the columns; a place is -1 if there is none. The first of two alike counts.
func readHead(head []string) (places [columns]int, unused []string) {
	for i := range places {
		places[i] = -1
	}
	for i, cell := range head {
		name := strings.ToLower(strings.TrimSpace(portal.ReadCSVCell(cell)))
		column, known := heads[strings.ReplaceAll(name, "_", " ")]
		switch {
		case known && places[column] < 0:
			places[column] = i
		case name != "" && len(unused) < maxUnused:
			unused = append(unused, shown(cell))
		}
	}
	return places, unused
}

func readRow(row []string, places [columns]int, line int, domain string) Contact {
	cell := func(column int) string {
		if i := places[column]; i >= 0 && i < len(row) {
			return strings.Clone(strings.TrimSpace(portal.ReadCSVCell(row[i])))
		}
		return ""
	}
	c := Contact{
		Line: line, First: cell(columnFirst), Last: cell(columnLast), Address: cell(columnAddress),
		Group: cell(columnGroup), Note: cell(columnNote),
	}
	if c.First == "" && c.Last == "" {
		c.First, c.Last = Split(cell(columnName))
	}
	if text := cell(columnNumber); c.Address == "" && text != "" {
		if c.Address = number(text, domain); c.Address == "" {
			c.Address = text // the caller says what is wrong with it
		}
	}
	return c
}
