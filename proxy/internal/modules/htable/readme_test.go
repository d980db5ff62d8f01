package htable_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/htable"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, htable.New(htable.Config{})) }
