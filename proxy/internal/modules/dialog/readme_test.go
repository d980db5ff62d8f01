package dialog_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/dialog"
)

func TestDocumented(t *testing.T) { moduletest.Documented(t, dialog.New(dialog.Config{})) }
