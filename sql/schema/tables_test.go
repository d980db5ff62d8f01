package schema

import (
	"regexp"
	"slices"
	"strings"
)

// table is what a CREATE TABLE says, in words that both engines share.
type table struct {
	Columns []string
	Keys    []string
}

var (
	createTable = regexp.MustCompile("(?s)CREATE TABLE (?:IF NOT EXISTS )?`(\\w+)` \\(\n(.*?)\n\\)[^;]*;")
	createIndex = regexp.MustCompile("CREATE INDEX `\\w+` ON `(\\w+)` (\\([^)]*\\))")
	unique      = regexp.MustCompile("^CONSTRAINT `\\w+` (UNIQUE \\(.*\\))$")
	key         = regexp.MustCompile("^KEY `\\w+` (\\(.*\\))$")
)

// engineWords is what the engines call the same thing.
var engineWords = strings.NewReplacer(
	"`", "", "IF NOT EXISTS ", "", " AUTO_INCREMENT", "", " AUTOINCREMENT", "", " UNSIGNED", "",
	"BIGINT", "INT", "TINYINT(1)", "INT", "INT(10)", "INT", "INT(11)", "INT", "INTEGER", "INT",
	"FLOAT(10,2)", "REAL", "DATETIME(6)", "DATETIME", "COLLATE utf8mb4_unicode_ci", "NOCASE", "COLLATE NOCASE", "NOCASE",
)

// parseTables reads the tables that a migration makes.
func parseTables(text string) map[string]table {
	all := map[string]table{}
	for _, m := range createTable.FindAllStringSubmatch(text, -1) {
		var t table
		for line := range strings.Lines(m[2]) {
			line = strings.TrimSuffix(strings.TrimSpace(line), ",")
			if k := unique.FindStringSubmatch(line); k != nil {
				t.Keys = append(t.Keys, engineWords.Replace(k[1]))
			} else if k := key.FindStringSubmatch(line); k != nil {
				t.Keys = append(t.Keys, engineWords.Replace(k[1]))
			} else {
				t.Columns = append(t.Columns, engineWords.Replace(line))
			}
		}
		all[m[1]] = t
	}
	for _, m := range createIndex.FindAllStringSubmatch(text, -1) {
		t := all[m[1]]
		t.Keys = append(t.Keys, engineWords.Replace(m[2]))
		all[m[1]] = t
	}
	for name, t := range all {
		slices.Sort(t.Keys)
		all[name] = t
	}
	return all
}
