package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// workflow is what the test knows of the syntax of GitHub Actions. What it does not know is an error.
type workflow struct {
	Name string
	On   struct {
		Dispatch struct {
			Inputs map[string]struct {
				Description, Type, Default string
				Required                   bool
				Options                    []string
			}
		} `yaml:"workflow_dispatch"`
		Schedule []struct{ Cron string }
	}
	Permissions map[string]string
	Concurrency string
	Jobs        map[string]struct {
		If      string
		RunsOn  string `yaml:"runs-on"`
		Timeout int    `yaml:"timeout-minutes"`
		Steps   []struct {
			Name, If, Uses, Run string
			With, Env           map[string]string
		}
	}
}

func readWorkflow(t *testing.T) (workflow, string) {
	t.Helper()
	doc, err := os.ReadFile("workflow.yml")
	require.NoError(t, err)
	var w workflow
	d := yaml.NewDecoder(bytes.NewReader(doc))
	d.KnownFields(true)
	require.NoError(t, d.Decode(&w))
	return w, string(doc)
}

func TestTheWorkflowGivesAwayAsLittleAsItCan(t *testing.T) {
	w, doc := readWorkflow(t)
	assert.Equal(t, map[string]string{"contents": "read"}, w.Permissions)
	for _, operation := range w.On.Dispatch.Inputs["operation"].Options {
		assert.Contains(t, operations, operation)
	}
	assert.Len(t, w.On.Dispatch.Inputs, 1, "what is typed in is shown: it is the operation and nothing else")
	for _, step := range w.Jobs["gdpr"].Steps {
		assert.NotContains(t, step.Run, "${{", "%s: what is put into a script can be a script", step.Name)
		if strings.HasPrefix(step.Uses, "actions/upload-artifact") && strings.Contains(step.With["path"], "!") {
			assert.Equal(t, "1", step.With["retention-days"], step.Name)
		}
	}
	assert.NotContains(t, doc, "pull_request")
}

// The script of the workflow, run as a runner runs it, beside a service.
func TestTheWorkflowAnswersARequest(t *testing.T) {
	workflow, _ := readWorkflow(t)
	w := newWorld(t)
	w.deposit(ada, "hello")
	bin, temp := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, filepath.Join(bin, "gdpr")))
	expressions := map[string]string{
		"${{ vars.GWS_URL }}": w.gws.URL, "${{ vars.VOICEMAIL_URL }}": w.service.URL, "${{ inputs.operation || vars.GDPR_OPERATION }}": "forgetme",
		"${{ secrets.GDPR_CLIENT }}": "scheduler:" + clientSecret, "${{ secrets.GDPR_INPUT }}": withCCID,
	}
	run := 0
	for _, step := range workflow.Jobs["gdpr"].Steps {
		if step.Name != "Answer the request" && step.Name != "Leave nothing on the runner" {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-e", "-c", step.Run)
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "RUNNER_TEMP=" + temp, asCommand + "=1"}
		for name, value := range step.Env {
			replaced, known := expressions[value]
			require.True(t, known, value)
			cmd.Env = append(cmd.Env, name+"="+replaced)
		}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		if run++; run == 1 {
			r := result{stdout: string(out), out: filepath.Join(temp, "gdpr")}
			w.checkSecrets(r)
			assert.Contains(t, r.read(t, outputFile), `"status":"restricted"`)
			assert.Zero(t, w.waiting())
		}
	}
	assert.Equal(t, 2, run)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	assert.Empty(t, left)
}
