package permissions_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/permissions"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, permissions.New(permissions.Config{})) }
