// Package config reads the settings of a program: a flag, an environment variable
// and a key of a YAML file have one and the same name (--data-dir, COHORTFLOW_DATA_DIR,
// data-dir). A flag wins over the environment, the environment over the file, the
// file over the default. What is not known is refused, with the likely name meant.
//
// It is the only importer of kong besides the commands. Standard OTEL_* variables are
// not read here: the OpenTelemetry SDK reads them itself.
package config

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// EnvPrefix begins the name of every environment variable of ours.
const EnvPrefix = "COHORTFLOW"

// common are the flags every program has.
type common struct {
	Config      configFile `placeholder:"FILE" help:"YAML file with settings; keys are the names of the flags."`
	CheckConfig bool       `env:"-" help:"Check the settings, print what is in force (without secrets) and exit."`
	Version     bool       `env:"-" help:"Print the version and exit."`
}

// options are what tests replace.
type options struct {
	stdout io.Writer
	exit   func(code int)
}

// Parse fills cli, a pointer to a struct with kong tags, from args (without the
// program's name), the environment and the file of --config, and calls its Validate
// method if there is one. A field with the tag secret:"true" is never printed, and a
// value "file:PATH" of it stands for the content of that file. With --help, --version
// and --check-config it prints and ends the process with code 0; so call it first.
func Parse(cli any, name, help string, args []string) (*kong.Context, error) {
	return parse(cli, name, help, args, options{stdout: os.Stdout, exit: os.Exit})
}

func parse(cli any, name, help string, args []string, o options) (*kong.Context, error) {
	var c common
	parser, err := kong.New(cli,
		kong.Name(name),
		kong.Description(help),
		kong.Embed(&c),
		kong.DefaultEnvars(EnvPrefix),
		kong.KindMapper(reflect.String, kong.MapperFunc(decodeString)),
		kong.Writers(o.stdout, os.Stderr),
		kong.Exit(o.exit),
		kong.UsageOnError(),
	)
	if err != nil {
		return nil, fmt.Errorf("flags of %s: %w", name, err)
	}
	// Before anything is read: the version can be asked for even when settings are wrong.
	for _, arg := range args {
		if arg == "--" {
			break
		}
		if arg == "--version" {
			_, _ = fmt.Fprintf(o.stdout, "%s %s\n", name, Version())
			o.exit(0)
			return nil, nil
		}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return nil, fmt.Errorf("settings of %s: %w", name, err)
	}
	if c.CheckConfig {
		if err := printEffective(o.stdout, ctx); err != nil {
			return nil, fmt.Errorf("print settings: %w", err)
		}
		o.exit(0)
	}
	return ctx, nil
}

// decodeString reads a string, and for a secret follows file:PATH, so that a secret
// need not stand in an argument list or an environment.
func decodeString(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("string", &text); err != nil {
		return err
	}
	if path, ok := strings.CutPrefix(text, "file:"); ok && isSecret(ctx.Value) {
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read secret: %w", err)
		}
		text = strings.TrimSpace(string(content))
	}
	target.SetString(text)
	return nil
}
