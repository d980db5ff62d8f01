package group_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/group"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, group.New(group.Config{})) }
