package menu

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryPromptHasATextAndIsUsed(t *testing.T) {
	declared, err := os.ReadFile("prompt.go")
	require.NoError(t, err)
	var code strings.Builder
	for _, file := range []string{"keys.go", "session.go", "login.go", "messages.go", "tape.go", "forward.go", "greetings.go", "settings.go"} {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		code.Write(b)
	}
	names := regexp.MustCompile(`(\w+) +Name = "([a-z-]+)"`).FindAllStringSubmatch(string(declared), -1)
	require.Greater(t, len(names), 100)
	seen := map[string]bool{}
	for _, n := range names {
		assert.NotEmpty(t, text(Name(n[2])), n[1])
		assert.False(t, seen[n[2]], "%s is there twice", n[2])
		assert.Regexp(t, `\b`+n[1]+`\b`, code.String(), "%s is never said", n[1])
		seen[n[2]] = true
	}
}

func TestTheTableIsComplete(t *testing.T) {
	states := map[State]bool{}
	for _, m := range menus() {
		assert.False(t, states[m.state], "%s is there twice", m.state)
		states[m.state] = true
		on := map[Event]bool{}
		for _, k := range m.keys {
			assert.False(t, on[k.on], "%s %c is there twice", m.state, k.on)
			on[k.on] = true
			assert.NotEmpty(t, k.to)
			assert.False(t, m.collects() && k.on.digit(), "digits are typed in %s", m.state)
			assert.Equal(t, m.kind == presses && k.on != Played, k.help != "", "%s %c is announced, unless the intro does it", m.state, k.on)
		}
		if m.kind == presses && m.state != Over {
			assert.True(t, on['0'] && on['*'], "0 and * do the same in %s as everywhere", m.state)
		}
	}
	n := 0
	for range Keys() {
		n++
		if n == 3 {
			break
		}
	}
	assert.Equal(t, 3, n)
}
