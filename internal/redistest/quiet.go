package redistest

import "github.com/redis/go-redis/v9/maintnotifications"

func quiet() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}
