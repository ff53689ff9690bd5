package head

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
)

// Numbers reads a label of one number, or of several: 1.5;2 or [1.5,2]. Empty,
// infinite and other text is an error that says so as the end of a sentence.
func Numbers(label string) ([]float64, error) {
	text := strings.TrimSpace(label)
	var parts []string
	if strings.HasPrefix(text, "[") {
		var list []json.Number
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return nil, errors.New("is no number and no list of numbers")
		}
		for _, n := range list {
			parts = append(parts, n.String())
		}
	} else {
		parts = strings.Split(text, ";")
	}
	var numbers []float64
	for _, p := range parts {
		v, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		switch {
		case err != nil && math.IsInf(v, 0):
			return nil, errors.New("is out of the range of numbers")
		case err != nil:
			return nil, errors.New("is no number")
		case v-v != 0:
			return nil, errors.New("is no finite number")
		}
		numbers = append(numbers, v)
	}
	if len(numbers) == 0 {
		return nil, errors.New("is a list without a number")
	}
	return numbers, nil
}

// Off returns how far numbers are from others: the mean of their distances.
func Off(numbers, others []float64) float64 {
	sum := 0.0
	for i, v := range numbers {
		sum += math.Abs(v-others[i]) / float64(len(numbers))
	}
	return sum
}
