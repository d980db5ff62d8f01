package msilo_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/msilo"
)

func TestDocumented(t *testing.T) { moduletest.Documented(t, msilo.New(msilo.Config{})) }
