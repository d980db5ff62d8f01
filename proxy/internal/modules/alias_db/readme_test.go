package aliasdb_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	aliasdb "seraph/proxy/internal/modules/alias_db"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, aliasdb.New(aliasdb.Config{})) }
