package nathelper_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/nathelper"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, nathelper.New(nathelper.Config{})) }
