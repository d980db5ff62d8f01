package view

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// List is where the reader stands in a list that is sorted and paged, read from
// the address of the page: sort=COLUMN, dir=desc, page=N; other parameters
// (a search, a filter) are kept by its links.
type List struct {
	Path  string
	Sort  string
	Desc  bool
	Page  int // from 1
	Size  int // rows on a page
	Total int // rows in all; the handler sets it
	query url.Values
	down  []string // columns that are first sorted downwards
}

// ParseList reads the address of r. Sorts are the columns that can be sorted
// by, the first one being the default.
func ParseList(r *http.Request, size int, sorts ...string) List {
	q := r.URL.Query()
	l := List{Path: r.URL.Path, Page: 1, Size: size, query: q}
	if len(sorts) > 0 {
		l.Sort = sorts[0]
	}
	if s := q.Get("sort"); slices.Contains(sorts, s) {
		l.Sort = s
	}
	l.Desc = q.Get("dir") == "desc"
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 1 && n <= 1_000_000 {
		l.Page = n
	}
	return l
}

// DownFirst returns the list with columns that are sorted downwards unless dir=asc says
// otherwise: times, of which the newest is wanted first.
func (l List) DownFirst(columns ...string) List {
	l.down = columns
	if slices.Contains(columns, l.Sort) {
		l.Desc = l.query.Get("dir") != "asc"
	}
	return l
}

// Offset is the number of rows before the page.
func (l List) Offset() int { return (l.Page - 1) * l.Size }

// Pages is the number of pages, at least 1.
func (l List) Pages() int {
	if l.Size <= 0 || l.Total <= 0 {
		return 1
	}
	return (l.Total + l.Size - 1) / l.Size
}

// First and Last are the numbers of the page's first and last row, from 1.
func (l List) First() int { return min(l.Offset()+1, l.Total) }

// Last is the number of the page's last row.
func (l List) Last() int { return min(l.Offset()+l.Size, l.Total) }

// Before and After are the addresses of the neighbour pages, "" if there is none.
func (l List) Before() string {
	if l.Page <= 1 {
		return ""
	}
	return l.url("page", strconv.Itoa(min(l.Page-1, l.Pages())))
}

// After is the address of the next page.
func (l List) After() string {
	if l.Page >= l.Pages() {
		return ""
	}
	return l.url("page", strconv.Itoa(l.Page+1))
}

// Here is the address of the page itself.
func (l List) Here() string {
	if l.Page <= 1 {
		return l.url("page", "")
	}
	return l.url("page", strconv.Itoa(l.Page))
}

// SortURL is the address that sorts by column, the other way round if the list
// already is.
func (l List) SortURL(column string) string {
	dir, other := "", "desc"
	if slices.Contains(l.down, column) {
		other = "asc"
	}
	if l.Sort == column && l.Desc == (other == "asc") {
		dir = other
	}
	return l.url("sort", column, "dir", dir, "page", "")
}

// AriaSort is the value of aria-sort for a column.
func (l List) AriaSort(column string) string {
	switch {
	case l.Sort != column:
		return "none"
	case l.Desc:
		return "descending"
	}
	return "ascending"
}

// Column is what the part "sort" needs of a column.
func (l List) Column(name string) Column {
	return Column{Name: name, URL: l.SortURL(name), Sort: l.AriaSort(name)}
}

// Column is one column that can be sorted by; its head is the text column.NAME.
type Column struct{ Name, URL, Sort string }

// With is the address of the list with parameters changed, from its first page;
// an empty value drops one.
func (l List) With(pairs ...string) string { return l.url(append(pairs, "page", "")...) }

// At is the address of something else that is made of the same rows in the same order, all
// pages of them: a file.
func (l List) At(path string) string {
	l.Path = path
	return l.url("page", "")
}

func (l List) url(pairs ...string) string {
	q := url.Values{}
	for name, values := range l.query {
		q[name] = values
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		} else {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return l.Path
	}
	return l.Path + "?" + q.Encode()
}
