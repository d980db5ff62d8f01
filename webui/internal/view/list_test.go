package view

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func list(address string, total int) List {
	l := ParseList(httptest.NewRequest(http.MethodGet, address, nil), 50, "last_name", "address")
	l.Total = total
	return l
}

func TestParseList(t *testing.T) {
	for _, c := range []struct {
		address string
		sort    string
		desc    bool
		page    int
	}{
		{"/x", "last_name", false, 1},
		{"/x?sort=address&dir=desc&page=3", "address", true, 3},
		{"/x?sort=password&dir=up&page=0", "last_name", false, 1},
		{"/x?page=-4", "last_name", false, 1},
		{"/x?page=99999999999999999999", "last_name", false, 1},
		{"/x?page=two", "last_name", false, 1},
	} {
		if l := list(c.address, 0); l.Sort != c.sort || l.Desc != c.desc || l.Page != c.page {
			t.Errorf("%s: %+v", c.address, l)
		}
	}
}

func TestListLinks(t *testing.T) {
	for _, c := range []struct{ name, have, want string }{
		{"no page before the first", list("/x", 120).Before(), ""},
		{"after the first", list("/x?q=b%26b", 120).After(), "/x?page=2&q=b%26b"},
		{"before the second", list("/x?page=2", 120).Before(), "/x?page=1"},
		{"nothing after the last", list("/x?page=3", 120).After(), ""},
		{"back from far beyond", list("/x?page=900", 120).Before(), "/x?page=3"},
		{"nothing on an empty list", list("/x", 0).After(), ""},
		{"sort by another", list("/x?page=2&q=b", 120).SortURL("address"), "/x?q=b&sort=address"},
		{"the other way", list("/x?sort=address", 120).SortURL("address"), "/x?dir=desc&sort=address"},
		{"and back", list("/x?sort=address&dir=desc", 120).SortURL("address"), "/x?sort=address"},
		{"a filter begins at the front", list("/x?page=2&q=b", 120).With("group", "Work"), "/x?group=Work&q=b"},
		{"a filter goes", list("/x?group=Work", 120).With("group", ""), "/x"},
	} {
		if c.have != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.have, c.want)
		}
	}
}

func TestListNumbers(t *testing.T) {
	for _, c := range []struct {
		address                           string
		total, offset, first, last, pages int
	}{
		{"/x", 0, 0, 0, 0, 1}, {"/x", 50, 0, 1, 50, 1}, {"/x?page=3", 120, 100, 101, 120, 3},
	} {
		l := list(c.address, c.total)
		if l.Offset() != c.offset || l.First() != c.first || l.Last() != c.last || l.Pages() != c.pages {
			t.Errorf("%s of %d: offset %d, rows %d to %d, %d pages", c.address, c.total, l.Offset(), l.First(), l.Last(), l.Pages())
		}
	}
	if got := list("/x?sort=address&dir=desc", 1); got.AriaSort("address") != "descending" || got.AriaSort("last_name") != "none" {
		t.Errorf("aria-sort %q, %q", got.AriaSort("address"), got.AriaSort("last_name"))
	}
}

// TestListDownFirst: a time begins with the newest; the head turns it round and back.
func TestListDownFirst(t *testing.T) {
	for _, c := range []struct {
		query, aria, next string
		desc              bool
	}{
		{"", "descending", "?dir=asc&sort=time", true},
		{"?sort=time", "descending", "?dir=asc&sort=time", true},
		{"?sort=time&dir=asc", "ascending", "?sort=time", false},
		{"?sort=name", "none", "?sort=time", false},
		{"?sort=name&dir=desc", "none", "?sort=time", true},
	} {
		l := ParseList(httptest.NewRequest(http.MethodGet, "/calls"+c.query, nil), 50, "time", "name").DownFirst("time")
		if l.Desc != c.desc || l.AriaSort("time") != c.aria || l.SortURL("time") != "/calls"+c.next {
			t.Errorf("%q: downwards %v, %s, leads to %s", c.query, l.Desc, l.AriaSort("time"), l.SortURL("time"))
		}
		if got, want := l.SortURL("name"), map[bool]string{true: "/calls?dir=desc&sort=name", false: "/calls?sort=name"}[c.query == "?sort=name"]; got != want {
			t.Errorf("%q: the other column leads to %s, want %s", c.query, got, want)
		}
	}
}
