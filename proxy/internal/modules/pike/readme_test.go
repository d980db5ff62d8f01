package pike_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/pike"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, pike.New(pike.Config{})) }
