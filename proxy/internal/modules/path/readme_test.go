package path_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/path"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, path.New(path.Config{})) }
