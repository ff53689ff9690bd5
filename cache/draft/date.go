package draft

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// Date returns the time that a file which is written now says it was made at,
// as RFC 3339 in UTC: the present, or what SOURCE_DATE_EPOCH sets
// (https://reproducible-builds.org/specs/source-date-epoch/).
func Date() (string, error) {
	now := time.Now()
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil || seconds < 0 || seconds > 253402300799 { // the end of the year 9999
			return "", fmt.Errorf("SOURCE_DATE_EPOCH %q: it must be a number of seconds since 1970", epoch)
		}
		now = time.Unix(seconds, 0)
	}
	return now.UTC().Format(time.RFC3339), nil
}
