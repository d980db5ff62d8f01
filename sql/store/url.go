package store

import (
	"errors"
	"fmt"
	"net"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"seraph/sql/schema"
)

// target is a parsed database URL.
type target struct {
	dialect schema.Dialect
	path    string // of the SQLite file

	user, password string
	network        string // tcp or unix
	address        string
	database       string
	tls            string // "", "true" or "skip-verify"
}

// Forms of a URL, for error texts.
const urlForms = "want mysql://user:password@host:port/database, mysql://user:password@unix(/path)/database or sqlite:///path"

// parseURL reads a database URL. Its errors show the URL masked and never what
// stands in the place of a password.
func parseURL(url string) (target, error) {
	t, err := parseParts(url)
	if err != nil {
		return target{}, fmt.Errorf("database URL %q: %w", MaskURL(url), err)
	}
	return t, nil
}

func parseParts(url string) (target, error) {
	scheme, rest, found := strings.Cut(url, "://")
	if !found {
		return target{}, fmt.Errorf("no scheme; %s", urlForms)
	}
	switch strings.ToLower(scheme) {
	case "mysql", "sql":
		return parseMySQL(rest)
	case "sqlite":
		return parseSQLite(rest)
	}
	return target{}, fmt.Errorf("unknown scheme; %s", urlForms)
}

func parseSQLite(rest string) (target, error) {
	path, err := neturl.PathUnescape(rest)
	switch {
	case err != nil:
		return target{}, errors.New("the path has a % without two hexadecimal digits")
	case !strings.HasPrefix(path, "/"):
		return target{}, errors.New("the path is not absolute: three slashes follow sqlite:")
	case strings.ContainsRune(path, 0), strings.HasSuffix(path, "/"):
		return target{}, errors.New("the path names no file")
	}
	return target{dialect: schema.SQLite, path: filepath.Clean(path)}, nil
}

// parseMySQL reads [user[:password]@](host[:port]|unix(path))/database[?tls=…].
func parseMySQL(rest string) (target, error) {
	t := target{dialect: schema.MySQL}
	rest, query, _ := strings.Cut(rest, "?")
	if err := t.parseOptions(query); err != nil {
		return target{}, err
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		var err1, err2 error
		user, password, _ := strings.Cut(rest[:i], ":")
		t.user, err1 = neturl.PathUnescape(user)
		t.password, err2 = neturl.PathUnescape(password)
		if err1 != nil || err2 != nil {
			return target{}, errors.New("user or password has a % without two hexadecimal digits; write a % as %25")
		}
		rest = rest[i+1:]
	}
	rest, err := t.parseAddress(rest)
	if err != nil {
		return target{}, err
	}
	t.database, err = neturl.PathUnescape(strings.TrimPrefix(rest, "/"))
	if err != nil || t.database == "" || strings.ContainsRune(t.database, '/') {
		return target{}, fmt.Errorf("no database is named; %s", urlForms)
	}
	return t, nil
}

// parseAddress takes the server's address off the front of s.
func (t *target) parseAddress(s string) (rest string, err error) {
	if after, ok := strings.CutPrefix(s, "unix("); ok {
		path, rest, closed := strings.Cut(after, ")")
		if !closed || !strings.HasPrefix(path, "/") {
			return "", errors.New("unix( wants an absolute path and a closing parenthesis")
		}
		t.network, t.address = "unix", path
		return rest, nil
	}
	host, rest, _ := strings.Cut(s, "/")
	if host == "" {
		return "", fmt.Errorf("no host is named; %s", urlForms)
	}
	t.network, t.address = "tcp", host
	if _, _, err := net.SplitHostPort(host); err != nil {
		t.address = net.JoinHostPort(strings.Trim(host, "[]"), "3306")
	}
	return rest, nil
}

func (t *target) parseOptions(query string) error {
	if query == "" {
		return nil
	}
	name, value, _ := strings.Cut(query, "=")
	if name != "tls" || value != "true" && value != "skip-verify" {
		return errors.New("the only options are ?tls=true and ?tls=skip-verify")
	}
	t.tls = value
	return nil
}

// MaskURL returns url with the password replaced by "***", for logs, pages and
// error texts. It works on malformed URLs as well and rather hides too much.
func MaskURL(url string) string {
	scheme, rest, found := strings.Cut(url, "://")
	if !found {
		scheme, rest = "", url
	} else {
		scheme += "://"
	}
	if strings.EqualFold(scheme, "sqlite://") {
		return url
	}
	at := strings.LastIndexByte(rest, '@')
	colon := strings.IndexByte(rest, ':')
	switch {
	case at < 0 && colon >= 0 && !startsWithPort(rest[colon+1:]):
		return scheme + rest[:colon] + ":***" // a password without a host behind it
	case at < 0 || colon < 0 || colon > at:
		return url
	}
	return scheme + rest[:colon] + ":***" + rest[at:]
}

func startsWithPort(s string) bool {
	digits := strings.TrimLeft(s, "0123456789")
	return len(digits) < len(s) && (digits == "" || digits[0] == '/' || digits[0] == '?')
}

// CheckURL reports what is wrong with a database URL as such; its errors show no password.
func CheckURL(url string) error {
	_, err := parseURL(url)
	return err
}

// SQLiteURL returns the URL of the SQLite file at path, which it makes absolute.
func SQLiteURL(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return "sqlite://" + (&neturl.URL{Path: abs}).EscapedPath(), nil
}

// BecomeOwner turns a process of root into one of the user who owns the SQLite
// file that url names (of its folder, if there is no file yet), so that no
// file of the database comes to belong to root. It does nothing for other
// users, for MySQL, and if root is the owner. It is for the start of a
// program, before anything else is opened.
func BecomeOwner(url string) error {
	t, err := parseURL(url)
	if err != nil || t.dialect != schema.SQLite || os.Geteuid() != 0 {
		return err
	}
	info, err := os.Stat(t.path)
	if errors.Is(err, os.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(t.path))
	}
	if err != nil {
		return fmt.Errorf("owner of the database: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	if err := syscall.Setgroups([]int{int(owner.Gid)}); err != nil {
		return fmt.Errorf("become the owner of the database: %w", err)
	}
	if err := syscall.Setgid(int(owner.Gid)); err != nil {
		return fmt.Errorf("become the owner of the database: %w", err)
	}
	if err := syscall.Setuid(int(owner.Uid)); err != nil {
		return fmt.Errorf("become the owner of the database: %w", err)
	}
	return nil
}
