package acc_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/acc"
)

func TestParams(t *testing.T) {
	for _, x := range []struct{ name, value, want string }{
		{"db_url", "", "empty"}, {"db_url", "sql://u:p@h/d", ""},
		{"db_flag", "0", ""}, {"db_flag", "31", ""}, {"db_flag", "32", "from 0 to 31"}, {"db_flag", "-1", "from 0 to 31"},
		{"db_missed_flag", "3", ""}, {"db_missed_flag", "99", "from 0 to 31"},
		{"failed_transaction_flag", "4", ""}, {"log_flag", "1", ""}, {"log_missed_flag", "32", "from 0 to 31"},
		{"db_table_acc", "acc", ""}, {"db_table_acc", "calls", `can only be "acc"`},
		{"db_table_missed_calls", "missed_calls", ""}, {"db_table_missed_calls", "x", "can only be"},
		{"max_queue", "99", "from 100"}, {"max_queue", "100", ""},
		{"foreign_per_source", "0", "from 1"}, {"foreign_per_source", "5", ""}, {"foreign_per_callee", "1000001", "from 1"}, {"foreign_per_callee", "5", ""},
		{"foreign_period", "0", "from 1"}, {"foreign_period", "86401", "from 1"}, {"foreign_period", "60", ""},
		{"keep_days", "-1", "from 0"}, {"keep_days", "36501", "from 0"}, {"keep_days", "0", ""}, {"keep_days", "30", ""},
		{"log_level", "-6", "from -5 to 4"}, {"log_level", "5", "from -5 to 4"}, {"log_level", "-5", ""}, {"log_level", "1", ""}, {"log_level", "4", ""},
		{"log_fmt", "miocfts", ""}, {"log_fmt", "m i", "is letters"}, {"log_fmt", "", "is empty"}, {"log_facility", "LOG_LOCAL0", ""},
		{"report_ack", "0", ""}, {"report_ack", "1", ""}, {"report_ack", "2", "from 0 to 1"}, {"report_cancels", "0", ""}, {"report_cancels", "1", "can only be 0"},
		{"early_media", "0", ""}, {"early_media", "1", "can only be 0"}, {"detect_direction", "0", ""}, {"detect_direction", "1", "can only be 0"},
		{"log_extra", "src_user=$fU;src_domain=$fd;src_ip=$si; dst_ouser=$tU;dst_user=$rU;dst_domain=$rd", ""}, {"log_extra", "ua=$hdr(User-Agent)", `no "ua=$hdr(User-Agent)"`},
		{"db_extra", "src_ip=$si", ""}, {"db_extra", "src_ip=$Ri", `no "src_ip=$Ri"`},
		{"write_interval", "0", "from 1"}, {"write_interval", "250", ""},
	} {
		err := moduletest.Set(t, acc.New(acc.Config{}), x.name, x.value)
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s = %q: %v, want %q", x.name, x.value, err, x.want)
		}
	}
}
