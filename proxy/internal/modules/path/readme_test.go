package pathhf_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	pathhf "seraph/proxy/internal/modules/path"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, pathhf.New(pathhf.Config{})) }
