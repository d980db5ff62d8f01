package daemon

import (
	"fmt"
	"log/slog"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/script"
	"seraph/sql/store"
)

// dbNamer is a module with a parameter db_url.
type dbNamer interface {
	module.Module
	// DBURL is what the script set db_url to, "" if it did not.
	DBURL() string
}

// chooseDatabase settles which database the proxy works with: that of the command
// line, else the one that the script's modules name. All that is named must be one
// and the same.
func (d *Daemon) chooseDatabase() error {
	name, text, err := readScript(d.cfg.Script)
	if err != nil {
		return err
	}
	// The script is compiled with modules that are thrown away, because those that
	// work need the database first.
	p, problems := compileOnly(name, text, script.Options{Defines: d.cfg.Defines})
	if len(problems) > 0 {
		return ScriptError(problems)
	}
	url, err := databaseOf(d.cfg.DB, p.Modules(), d.log)
	if err != nil {
		return err
	}
	d.cfg.DB = url
	return nil
}

// databaseOf is the database to use; given is the command line's, which may be empty
// or NoDatabase.
func databaseOf(given string, loaded []module.Module, log *slog.Logger) (string, error) {
	url, where := given, "the command line"
	for _, m := range loaded {
		n, ok := m.(dbNamer)
		if !ok || n.DBURL() == "" {
			continue
		}
		if given == NoDatabase {
			log.Warn("db_url is not used: the proxy is to run without a database", "module", n.Name())
			continue
		}
		if url == "" {
			url, where = n.DBURL(), "module "+n.Name()
		}
		same, err := store.SameDatabase(url, n.DBURL())
		if err != nil {
			return "", fmt.Errorf("db_url of module %s: %w", n.Name(), err)
		}
		if !same {
			return "", fmt.Errorf("%s names the database %s and module %s names %s: there can be only one, in every db_url the same or in none",
				where, store.MaskURL(url), n.Name(), store.MaskURL(n.DBURL()))
		}
	}
	return url, nil
}
