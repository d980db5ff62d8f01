package usrloc

import (
	"strings"
	"testing"
)

// TestParams: each parameter takes what its line says and names what is wrong.
func TestParams(t *testing.T) {
	for _, c := range []struct {
		name  string
		value int
		want  string // in the error; "" for none
	}{
		{"db_mode", 0, ""},
		{"db_mode", 1, ""},
		{"db_mode", 2, ""},
		{"db_mode", 3, "database only"},
		{"db_mode", 4, "use 1 (database), 2 (written back later) or 0 (memory only)"},
		{"db_mode", -1, "use 1 (database), 2 (written back later) or 0 (memory only)"},
		{"journal", 0, ""},
		{"journal", 2, "must be 0 or 1"},
		{"journal_size", 1, ""},
		{"journal_size", 0, "1 to 65536"},
		{"timer_interval", 60, ""},
		{"timer_procs", 4, ""},
		{"timer_procs", 65, "from 0 to 64"},
		{"hash_size", 12, ""},
		{"hash_size", 25, "from 0 to 24"},
		{"handle_lost_tcp", 1, ""},
		{"handle_lost_tcp", 2, "from 0 to 1"},
		{"close_expired_tcp", 1, ""},
		{"close_expired_tcp", -1, "from 0 to 1"},
		{"nat_bflag", 6, ""},
		{"nat_bflag", -1, "from 0 to 31"},
		{"nat_bflag", 32, "from 0 to 31"},
		{"timer_interval", 0, "1 to 3600"},
		{"cseq_delay", 0, ""},
		{"cseq_delay", 301, "0 to 300"},
		{"write_timeout", 500, ""},
		{"write_timeout", 99, "100 to 30000"},
		{"max_pending", 1, ""},
		{"max_pending", 0, "1 to 1000000"},
		{"use_domain", 1, ""},
		{"use_domain", 0, ""},
		{"use_domain", 2, "must be 0 or 1"},
	} {
		found := false
		for _, p := range New(Config{}).Params() {
			if p.Name != c.name {
				continue
			}
			found = true
			err := p.Set("", c.value)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s = %d: %v, want %q", c.name, c.value, err, c.want)
			}
		}
		if !found {
			t.Errorf("there is no parameter %s", c.name)
		}
	}
}

// TestModes: which database changes go to.
func TestModes(t *testing.T) {
	for _, c := range []struct {
		name    string
		d       *database
		mode    int
		durable bool
	}{
		{"database", &database{}, modeUnset, true},
		{"database, db_mode 1", &database{}, modeWriteThrough, true},
		{"database, db_mode 0", &database{}, modeMemory, false},
		{"database, db_mode 2", &database{}, modeWriteBack, false},
		{"none, db_mode 2", nil, modeWriteBack, false},
		{"none", nil, modeUnset, false},
		{"none, db_mode 1", nil, modeWriteThrough, false},
	} {
		m := newModule(t, c.d)
		m.mode = c.mode
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		res, err := m.Table().Save(registration(bob, "sip:b@h"), nil)
		if err != nil || (res.Ticket != nil) != c.durable {
			t.Errorf("%s: the change waits for the database: %v (%v), want %v", c.name, res.Ticket != nil, err, c.durable)
		}
	}
}
