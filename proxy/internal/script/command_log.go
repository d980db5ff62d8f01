package script

import (
	"context"
	"log/slog"
	"strconv"
	"strings"

	"seraph/proxy/internal/module"
)

// logLevels are SER's names of its levels.
var logLevels = map[string]int{
	"L_ALERT": -3, "L_CRIT": -2, "L_ERR": -1, "L_WARN": 1, "L_NOTICE": 2, "L_INFO": 3, "L_DBG": 4,
}

// slogLevel returns the level that stands for one of SER's; debug= has the same scale.
func slogLevel(n int) slog.Level {
	switch {
	case n <= 0:
		return slog.LevelError
	case n == 1:
		return slog.LevelWarn
	case n <= 3:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// logCommand is log([level,] "text"); without a level it is SER's 4, debug.
func (k *compiler) logCommand(c *call) node {
	level, text := 4, c.args[len(c.args)-1]
	if len(c.args) == 2 {
		v := c.args[0]
		n, ok := logLevels[v.text]
		switch {
		case v.number:
			level = v.num
		case ok && !v.quoted:
			level = n
		default:
			return k.wrong(v.pos, "log takes a level from -3 to 4, or L_ERR, L_WARN, L_NOTICE, L_INFO, L_DBG")
		}
	}
	return k.logging(c, slogLevel(level), text)
}

// errorCommand is error("text", "more"), which SER logs.
func (k *compiler) errorCommand(c *call) node {
	first, ok := k.text(c, c.args[0])
	if !ok {
		return nil
	}
	second := c.args[1]
	second.text = first + ": " + second.text
	return k.logging(c, slog.LevelWarn, second)
}

func (k *compiler) logging(c *call, level slog.Level, v value) node {
	text, ok := k.text(c, v)
	if !ok || !k.plain(c, v) {
		return nil
	}
	text = strings.TrimRight(text, "\r\n") // a line of the log ends by itself
	log := k.prog.log
	ctx := context.Background()
	return func(c *module.Ctx) result {
		if log.Enabled(ctx, level) {
			log.LogAttrs(ctx, level, text, slog.String("call_id", string(c.Msg.CallID())))
		}
		return done(c)
	}
}

func atoi(s string) (int, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	return int(n), err == nil
}
