package userblock_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/userblock"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, userblock.New(userblock.Config{})) }
