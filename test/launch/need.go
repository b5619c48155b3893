// Package launch starts the real parts that the full suite runs against: Apache Kafka in KRaft mode
// from the jars of kafka/pom.xml, and redis-server; each on free ports of 127.0.0.1, with its own data.
// Whatever it starts ends with the test, by its process id. tools/setup-real.sh gets the parts.
package launch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Part is something that a test needs and a machine may not have.
type Part string

// The parts.
const (
	PartKafka  Part = "kafka"  // a Java runtime and the jars in test/build/kafka
	PartRedis  Part = "redis"  // redis-server
	PartPython Part = "python" // the virtual environment test/build/venv
	PartNode   Part = "node"   // node and test/clients/node_modules
)

const setUp = "tools/setup-real.sh"

// Need skips the test when a part is missing here, naming the command that gets it. With CI=true a
// missing part fails the test instead: there, a skipped suite would pass unseen.
func Need(t testing.TB, parts ...Part) {
	t.Helper()
	for _, part := range parts {
		err := Missing(part)
		switch {
		case err == nil:
		case os.Getenv("CI") == "true":
			t.Fatalf("needs %s: %v; run %s %s", part, err, setUp, part)
		default:
			t.Skipf("needs %s: %v; run %s %s", part, err, setUp, part)
		}
	}
}

// Missing says what of a part is not here; nil when it is complete.
func Missing(part Part) error {
	root, err := Root()
	if err != nil {
		return err
	}
	switch part {
	case PartKafka:
		_, javaErr := java()
		return errors.Join(javaErr, exists(filepath.Join(root, "test/build/kafka/kafka_2.13-"+KafkaVersion+".jar")))
	case PartRedis:
		_, err := exec.LookPath("redis-server")
		return err
	case PartPython:
		return exists(Python(root))
	case PartNode:
		_, nodeErr := exec.LookPath("node")
		return errors.Join(nodeErr, exists(filepath.Join(root, "test/clients/node_modules")))
	default:
		return fmt.Errorf("no such part: %q; know kafka, redis, python and node", part)
	}
}

// Root is the top folder of the repository: the one with go.work, upwards of the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the top of the repository: %w", err)
	}
	for {
		if exists(filepath.Join(dir, "go.work")) == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("find the top of the repository: no go.work upwards of the working directory; run it inside the repository")
		}
		dir = up
	}
}

// Python is the interpreter with the official clients installed.
func Python(root string) string { return filepath.Join(root, "test/build/venv/bin/python") }

func java() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		program := filepath.Join(home, "bin", "java")
		return program, exists(program)
	}
	return exec.LookPath("java")
}

func exists(path string) error {
	_, err := os.Stat(path)
	return err
}
