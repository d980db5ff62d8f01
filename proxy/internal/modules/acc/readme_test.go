package acc_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/acc"
)

func TestDocumented(t *testing.T) { moduletest.Documented(t, acc.New(acc.Config{})) }
