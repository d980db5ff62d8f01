package dispatcher_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/dispatcher"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, dispatcher.New(dispatcher.Config{})) }
