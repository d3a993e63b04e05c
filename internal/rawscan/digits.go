package rawscan

// automaton finds strings of digits in a stream of digits, all at once (Aho and Corasick, 1975), whatever stands between the digits as long as it is neither
// letter nor digit: separators of telephone numbers, the zero bytes of UTF-16, the brackets and commas of lists, the marks of escapes.
type automaton struct {
	next [][10]int32
	what [][]string // what ends in a state
}

// maxGap is how many bytes may stand between two digits: a comma, a line end and an indentation.
const maxGap = 8

func (a *automaton) add(digits, what string) {
	if a.next == nil {
		a.grow()
	}
	var at int32
	for i := range len(digits) {
		to := &a.next[at][digits[i]-'0']
		if *to == 0 {
			*to = int32(len(a.next))
			at = *to
			a.grow()
			continue
		}
		at = *to
	}
	a.what[at] = append(a.what[at], what)
}

func (a *automaton) grow() {
	a.next = append(a.next, [10]int32{})
	a.what = append(a.what, nil)
}

// link completes the automaton: where a string cannot go on, the longest other one that its end is the start of does.
func (a *automaton) link() {
	if a.next == nil {
		return
	}
	back := make([]int32, len(a.next))
	queue := []int32{0}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for d, to := range a.next[at] {
			fall := int32(0)
			if at != 0 {
				fall = a.next[back[at]][d]
			}
			if to == 0 {
				a.next[at][d] = fall
				continue
			}
			back[to] = fall
			a.what[to] = append(a.what[to], a.what[fall]...)
			queue = append(queue, to)
		}
	}
}

// Classes of bytes beside the digits. The letters of 0x31, \u0031 and U+0031 stand between digits.
const (
	between = 10
	letter  = 11
)

var class = func() (c [256]uint8) {
	for i := range c {
		switch b := byte(i); {
		case '0' <= b && b <= '9':
			c[i] = b - '0'
		case b|0x20 == 'x' || b|0x20 == 'u':
			c[i] = between
		case 'a' <= b|0x20 && b|0x20 <= 'z':
			c[i] = letter
		default:
			c[i] = between
		}
	}
	return c
}()

func (a *automaton) search(b []byte, report func(what string)) {
	if a.next == nil {
		return
	}
	var at int32
	gap := 0
	for _, c := range b {
		switch k := class[c]; {
		case k < between:
			at, gap = a.next[at][k], 0
			for _, what := range a.what[at] {
				report(what)
			}
		case at == 0:
		case k == letter || gap == maxGap:
			at, gap = 0, 0
		default:
			gap++
		}
	}
}
