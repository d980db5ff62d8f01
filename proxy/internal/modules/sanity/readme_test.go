package sanity_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/sanity"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, sanity.New(sanity.Config{})) }
