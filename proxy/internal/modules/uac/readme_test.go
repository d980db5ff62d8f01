package uac_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/uac"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, uac.New(uac.Config{})) }
