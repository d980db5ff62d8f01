package authdb_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	authdb "seraph/proxy/internal/modules/auth_db"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, authdb.New(authdb.Config{})) }
