package siputils_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/siputils"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, siputils.New(siputils.Config{})) }
