package main

import (
	"crypto/md5" //nolint:gosec // what digest authentication is made of
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the users of our side

	"seraph/e2e/proc"
	"seraph/e2e/sipp"
)

// users is how many people register, over and over: u0, u1, … with the passwords
// pw-u0, pw-u1, … At 2,000 registrations a second each one is back in half a second,
// so that their HA1s are in Seraph's cache, but for the one look at the database
// that it takes for each user in a minute. What the very first look costs is a line
// of its own in the report.
const users = 1000

// usersFile is their list for SIPp, in the folder of the run.
const usersFile = "users.csv"

// registerUnit is a REGISTER with digest: two requests, 401 and 200.
var registerUnit = unit{
	name:   "register-digest",
	title:  fmt.Sprintf("REGISTER with digest, bindings in memory, %d users, UDP: REGISTER 401 REGISTER 200", users),
	noun:   "registration",
	answer: "401",
	load:   registerLoad,
	jobs: func(b *bench, s *server) []sipp.Job {
		job, err := b.registerJob(s, b.length)
		if err != nil {
			return nil
		}
		return []sipp.Job{job}
	},
}

// seraphRegister has its users in the SQLite database of its state folder.
func seraphRegister(binary string) router {
	r := seraph(binary, "seraph-register.cfg")
	r.prepare = func(dir string) error { return insertUsers(filepath.Join(dir, stateFolder, "seraph.db")) }
	return r
}

// kamailioRegister has its users in an SQLite database.
func kamailioRegister(children int) router {
	r := kamailio("kamailio-register.cfg", children)
	r.command = func(dir string, port int) (proc.Command, error) {
		file := filepath.Join(dir, "users.db")
		if err := insertUsers(file, kamailioTables...); err != nil {
			return proc.Command{}, err
		}
		return kamailio("kamailio-register.cfg", children, "-A", `DBURL="sqlite:///`+file+`"`).command(dir, port)
	}
	return r
}

// kamailioMemory has its users in memory.
func kamailioMemory(children int) router {
	r := kamailio("kamailio-register.cfg", children, "-A", "HTABLE", "-A", fmt.Sprintf("USERS=%d", users))
	r.product = "kamailio htable"
	r.name = fmt.Sprintf("htable -n %d", children)
	return r
}

// kamailioTables are what auth_db reads, as Kamailio's own scripts make them.
var kamailioTables = []string{
	"CREATE TABLE version (table_name VARCHAR(32) NOT NULL, table_version INTEGER DEFAULT 0 NOT NULL, CONSTRAINT version_table_name_idx UNIQUE (table_name))",
	"INSERT INTO version (table_name, table_version) VALUES ('subscriber', 7)",
	"CREATE TABLE subscriber (id INTEGER PRIMARY KEY NOT NULL, username VARCHAR(64) DEFAULT '' NOT NULL, domain VARCHAR(64) DEFAULT '' NOT NULL," +
		" password VARCHAR(64) DEFAULT '' NOT NULL, ha1 VARCHAR(128) DEFAULT '' NOT NULL, ha1b VARCHAR(128) DEFAULT '' NOT NULL," +
		" CONSTRAINT subscriber_account_idx UNIQUE (username, domain))",
}

func registerLoad(b *bench, s *server, length time.Duration) (result, error) {
	b.loads++
	if err := writeUsers(b.dir); err != nil {
		return result{}, err
	}
	job, err := b.registerJob(s, length)
	if err != nil {
		return result{}, err
	}
	if s.first.calls.Created == 0 { // every user once: what is measured is a phone that comes again
		once := job
		once.Calls, once.Name = users, job.Name+"-first"
		if s.first, err = measure(s, once); err != nil {
			return result{}, err
		}
	}
	return measure(s, job)
}

func (b *bench) registerJob(s *server, length time.Duration) (sipp.Job, error) {
	port, err := proc.FreePort("127.0.0.1", 0)
	return sipp.Job{
		Scenario: "register_many", Domain: "127.0.0.1", Port: port, Dir: b.dir,
		Remote: fmt.Sprintf("127.0.0.1:%d", s.port), Rate: b.rate, Calls: b.rate * int(length/time.Second),
		Limit: 20000, Timeout: length + 20*time.Second, Name: fmt.Sprintf("register-%d", b.loads),
		Args: []string{"-inf", filepath.Join(b.dir, usersFile)},
	}, err
}

// writeUsers writes the list of users for SIPp, if it is not there.
func writeUsers(dir string) error {
	file := filepath.Join(dir, usersFile)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var text strings.Builder
	text.WriteString("SEQUENTIAL\n")
	for i := range users {
		fmt.Fprintf(&text, "u%d;[authentication username=u%[1]d password=pw-u%[1]d]\n", i)
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}

// insertUsers fills the table subscriber of a database, after these statements.
func insertUsers(file string, before ...string) (err error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, statement := range before {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	for i := range users {
		user := fmt.Sprintf("u%d", i)
		if _, err := tx.Exec("INSERT INTO subscriber (username, domain, ha1) VALUES (?, '127.0.0.1', ?)", user, ha1(user)); err != nil {
			return fmt.Errorf("user %s: %w", user, err)
		}
	}
	return tx.Commit()
}

// ha1 is what a digest of the user is checked against (RFC 2617 §3.2.2.2).
func ha1(user string) string {
	sum := md5.Sum([]byte(user + ":127.0.0.1:pw-" + user)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}
