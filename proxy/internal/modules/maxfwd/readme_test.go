package maxfwd_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/maxfwd"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, maxfwd.New(maxfwd.Config{})) }
