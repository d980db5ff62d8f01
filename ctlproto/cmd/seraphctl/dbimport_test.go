package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kamailio is a desk with the database of a Kamailio that has no table trusted, and rows of
// all kinds that are no good.
func kamailio(t *testing.T) *desk {
	k := emptyDesk(t)
	for _, statement := range []string{
		"CREATE TABLE domain (id INTEGER PRIMARY KEY, domain TEXT)", "INSERT INTO domain (domain) VALUES ('Example.ORG'), ('example.net'), ('bad domain')",
		"CREATE TABLE subscriber (id INTEGER PRIMARY KEY, username TEXT, domain TEXT, password TEXT, ha1 TEXT, ha1b TEXT)",
		`INSERT INTO subscriber (username, domain, password, ha1, ha1b) VALUES
			('anna', 'example.net', '', '0123456789abcdef0123456789ABCDEF', ''), ('carl', 'example.net', 'secret', '', ''),
			('Dora', 'example.net', '', '0123456789abcdef0123456789abcdef', ''), ('emil', '', '', '0123456789abcdef0123456789abcdef', ''),
			('fred', 'example.net', '', 'abc', ''), ('gina', 'example.net', '', '', '')`,
		"CREATE TABLE dbaliases (id INTEGER PRIMARY KEY, alias_username TEXT, alias_domain TEXT, username TEXT, domain TEXT)",
		"INSERT INTO dbaliases (alias_username, alias_domain, username, domain) VALUES ('100', 'example.net', 'anna', 'example.net'), ('101', 'example.net', 'nobody', 'example.net')",
		"CREATE TABLE grp (id INTEGER PRIMARY KEY, username TEXT, domain TEXT, grp TEXT)",
		"INSERT INTO grp (username, domain, grp) VALUES ('anna', 'example.net', 'int'), ('anna', 'example.net', 'a b')",
		"CREATE TABLE speed_dial (id INTEGER PRIMARY KEY, username TEXT, domain TEXT, sd_username TEXT, sd_domain TEXT, new_uri TEXT, fname TEXT, lname TEXT, description TEXT)",
		"INSERT INTO speed_dial VALUES (1, 'anna', 'example.net', '7', 'example.net', 'sip:carl@example.net', '', '', '')",
		"CREATE TABLE dispatcher (id INTEGER PRIMARY KEY, setid INT, destination TEXT, flags INT, priority INT, attrs TEXT, description TEXT)",
		"INSERT INTO dispatcher VALUES (1, 1, 'sip:192.0.2.10', 0, 0, '', ''), (2, 1, 'nonsense', 0, 0, '', '')",
		"CREATE TABLE address (id INTEGER PRIMARY KEY, grp INT, ip_addr TEXT, mask INT, port INT, tag TEXT)",
		"INSERT INTO address VALUES (1, 1, '192.0.2.0', 24, 0, NULL), (2, 1, '999.1.1.1', 32, 0, NULL)",
	} {
		k.exec(statement)
	}
	return k
}

func TestImportKamailio(t *testing.T) {
	d, k := newDesk(t), kamailio(t)
	url := "sqlite://" + filepath.Join(k.folder, "seraph.db")
	s := d.run("db", "import-kamailio", url)
	want := `TABLE       READ  ADDED  THERE  REFUSED
domain      3     1      1      1
subscriber  6     2      0      4
dbaliases   2     1      0      1
aliases     -     -      -      -
grp         2     1      0      1
phonebook   -     -      -      -
speed_dial  1     1      0      0
dispatcher  2     1      0      1
address     2     1      0      1
trusted     -     -      -      -
`
	if diff := cmp.Diff(want, s.out); diff != "" || s.code != 0 {
		t.Errorf("code %d\n%s\n%s", s.code, diff, s.errs)
	}
	wantErrs := `seraphctl: domain: bad domain: domain is no domain
seraphctl: subscriber: Dora@example.net: username and domain are not in lower case; the password has to be set anew
seraphctl: subscriber: emil@: username and domain are no address
seraphctl: subscriber: fred@example.net: ha1 is no MD5 hash
seraphctl: subscriber: gina@example.net: ha1 is no MD5 hash
seraphctl: dbaliases: 101@example.net: its user is not here
seraphctl: grp: anna@example.net in a b: group is not 1 to 64 letters, digits, -, _ and .
seraphctl: dispatcher: nonsense of set 1: uri is not like sip:192.0.2.10:5060
seraphctl: address: 1 999.1.1.1/32:0: ip is neither an address nor a name of at most 50 characters
`
	if diff := cmp.Diff(wantErrs, s.errs); diff != "" {
		t.Error(diff)
	}
	var users []map[string]any
	decode(t, d.must("show", "-o", "json"), &users)
	if len(users) != 2 || users[0]["address"] != "anna@example.net" || users[1]["address"] != "carl@example.net" {
		t.Errorf("users %v", users)
	}
	if out := d.must("alias", "show", "anna@example.net", "-q"); out != "100@example.net  anna@example.net\n" {
		t.Errorf("aliases %q", out)
	}
	if diff := cmp.Diff([]string{"olga|seraphctl|db.import|" + url + "||8 rows"}, d.audited()); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}

	// Again: everything is there, and nothing is recorded.
	var lines []importLine
	decode(t, d.must("db", "import-kamailio", url, "-o", "json"), &lines)
	for _, l := range lines {
		if l.Added != 0 || l.There+len(l.Refused) != l.Read || l.Missing != slices.Contains([]string{"trusted", "aliases", "phonebook"}, l.Table) {
			t.Errorf("the second time: %+v", l)
		}
	}
	if n := len(d.audited()); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestImportKamailioRefused(t *testing.T) {
	d := newDesk(t)
	own := "sqlite://" + filepath.Join(d.folder, "seraph.db")
	d.refuses(exitUsage, []string{"db", "import-kamailio"}, "URL")
	d.refuses(exitUsage, []string{"db", "import-kamailio", "foo"}, `URL: database URL "foo": no scheme; want mysql://`)
	d.refuses(exitFailed, []string{"db", "import-kamailio", "sqlite:///nonexistent/kamailio.db"}, "there is no database /nonexistent/kamailio.db")
	d.refuses(exitUnreachable, []string{"db", "import-kamailio", "mysql://u:pw@127.0.0.1:1/db"}, "mysql://u:***@127.0.0.1:1/db", "connection refused")
	d.refuses(exitUsage, []string{"db", "import-kamailio", own}, "is our own database")
	other := emptyDesk(t)
	other.exec("CREATE TABLE domain (domain TEXT)")
	other.exec("CREATE TABLE subscriber (id INTEGER, uid TEXT)")
	d.refuses(exitFailed, []string{"db", "import-kamailio", "sqlite://" + filepath.Join(other.folder, "seraph.db")}, "table subscriber has no column username")
	emptyDesk(t).refuses(exitFailed, []string{"db", "import-kamailio", own}, `make it with "seraphctl db migrate"`)
}
