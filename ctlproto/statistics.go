package ctlproto

import (
	"fmt"
	"strconv"
	"strings"
)

// Statistic is one counter or gauge. Group names a part of the router (tm, sl,
// usrloc, core, ua, ctd …).
type Statistic struct {
	Group string
	Name  string
	Value int64
}

// String is the form of stats.get_statistics: "group:name = N".
func (s Statistic) String() string {
	return s.Group + ":" + s.Name + " = " + strconv.FormatInt(s.Value, 10)
}

// ParseStatistic reads String's form.
func ParseStatistic(line string) (Statistic, error) {
	key, value, ok := strings.Cut(line, " = ")
	group, name, ok2 := strings.Cut(key, ":")
	n, err := strconv.ParseInt(value, 10, 64)
	if !ok || !ok2 || group == "" || name == "" || err != nil {
		return Statistic{}, fmt.Errorf("statistic %q: want \"group:name = number\"", line)
	}
	return Statistic{Group: group, Name: name, Value: n}, nil
}

// TmStats is the result of tm.stats: transactions in memory now (current),
// those of them that only wait for retransmissions (waiting), and totals since
// the start.
type TmStats struct {
	Current      int64 `json:"current"`
	Waiting      int64 `json:"waiting"`
	Total        int64 `json:"total"`
	TotalLocal   int64 `json:"total_local"`
	RplReceived  int64 `json:"rpl_received"`
	RplGenerated int64 `json:"rpl_generated"`
	RplSent      int64 `json:"rpl_sent"`
	Class6xx     int64 `json:"6xx"`
	Class5xx     int64 `json:"5xx"`
	Class4xx     int64 `json:"4xx"`
	Class3xx     int64 `json:"3xx"`
	Class2xx     int64 `json:"2xx"`
	Created      int64 `json:"created"`
	Freed        int64 `json:"freed"`
	DelayedFree  int64 `json:"delayed_free"`
}

// SlStats is the result of sl.stats: stateless replies sent, by code; the
// classes count what has no line of its own.
type SlStats struct {
	Code200  int64 `json:"200"`
	Code202  int64 `json:"202"`
	Class2xx int64 `json:"2xx"`
	Code300  int64 `json:"300"`
	Code301  int64 `json:"301"`
	Code302  int64 `json:"302"`
	Class3xx int64 `json:"3xx"`
	Code400  int64 `json:"400"`
	Code401  int64 `json:"401"`
	Code403  int64 `json:"403"`
	Code404  int64 `json:"404"`
	Code407  int64 `json:"407"`
	Code408  int64 `json:"408"`
	Code483  int64 `json:"483"`
	Class4xx int64 `json:"4xx"`
	Code500  int64 `json:"500"`
	Class5xx int64 `json:"5xx"`
	Class6xx int64 `json:"6xx"`
	Other    int64 `json:"xxx"`
}
