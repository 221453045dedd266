package event

// Closest is the candidate that name most likely meant, or empty when none is
// near: at most a third of its letters may differ.
func Closest(name string, candidates []string) string {
	const longest = 100 // of a name worth comparing
	if len(name) > longest {
		return ""
	}
	best, limit := "", len(name)/3+1
	for _, candidate := range candidates {
		if len(candidate) > longest || abs(len(candidate)-len(name)) >= limit {
			continue
		}
		if d := distance(name, candidate); d < limit {
			best, limit = candidate, d
		}
	}
	return best
}

// distance counts the bytes to insert, delete or replace to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}

func abs(n int) int { return max(n, -n) }
