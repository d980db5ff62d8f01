package tm_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/tm"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, tm.New(tm.Config{})) }
