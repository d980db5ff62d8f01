package textops_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/textops"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, textops.New(textops.Config{})) }
