package sl_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/sl"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, sl.New(sl.Config{})) }
