package speeddial_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/speeddial"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, speeddial.New(speeddial.Config{})) }
