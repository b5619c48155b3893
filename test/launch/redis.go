package launch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Server is a running redis-server, with the append-only file on and evicting nothing.
type Server struct {
	member
	Addr string // host:port
	Dir  string // data and redis.log
}

// Redis starts a redis-server for one test. args come after the launcher's own and win over them
// ("--appendonly", "no"). It ends with the test; when that has failed, the end of its log is printed.
func Redis(t testing.TB, args ...string) (addr string, s *Server) {
	t.Helper()
	Need(t, PartRedis)
	s, err := StartRedis(t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, "redis "+s.Addr, &s.member)
	return s.Addr, s
}

// StartRedis starts a redis-server over an empty folder and returns when it answers. The caller ends
// it with Stop.
func StartRedis(dir string, args ...string) (*Server, error) {
	var failed error
	for range 3 { // another process may take a free port before Redis does
		ports, err := freePorts(2)
		if err != nil {
			return nil, err
		}
		s := &Server{Addr: address(ports[0]), Dir: dir}
		all := append([]string{
			"--port", strconv.Itoa(ports[0]), "--bind", "127.0.0.1", "--dir", dir, "--daemonize", "no",
			"--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction",
			"--cluster-port", strconv.Itoa(ports[1]),
		}, args...)
		s.start = func() (*process, error) { return s.run(all) }
		if s.proc, err = s.start(); err == nil {
			return s, nil
		}
		failed = err
		if !strings.Contains(err.Error(), "Address already in use") {
			break
		}
	}
	return nil, failed
}

func (s *Server) run(args []string) (*process, error) {
	p, err := spawn("redis", filepath.Join(s.Dir, "redis.log"), "redis-server", args...)
	if err != nil {
		return nil, err
	}
	ready := func() error {
		_, err := s.Do("PING")
		if err != nil && strings.Contains(err.Error(), "NOAUTH") {
			return nil // it is up and wants a password
		}
		return err
	}
	if err := p.await(30*time.Second, ready); err != nil {
		if p.running() {
			err = errors.Join(err, p.kill9())
		}
		return nil, err
	}
	return p, nil
}

// FlushAll empties the Redis.
func (s *Server) FlushAll() error {
	_, err := s.Do("FLUSHALL")
	return err
}

// Do runs one command on a connection of its own and gives the answer as text; an array comes as
// lines. It is for settings and checks of a test, not for data.
func (s *Server) Do(command ...string) (string, error) {
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(context.Background(), "tcp", s.Addr)
	if err != nil {
		return "", fmt.Errorf("redis %s: %w", command[0], err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", fmt.Errorf("redis %s: %w", command[0], err)
	}
	var request strings.Builder
	fmt.Fprintf(&request, "*%d\r\n", len(command))
	for _, word := range command {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(conn, request.String()); err != nil {
		return "", fmt.Errorf("redis %s: %w", command[0], err)
	}
	answer, err := readAnswer(bufio.NewReader(conn))
	if err != nil {
		return "", fmt.Errorf("redis %s: %w", command[0], err)
	}
	return answer, nil
}

func readAnswer(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("empty line in the answer")
	}
	kind, text := line[0], line[1:]
	switch kind {
	case '-':
		return "", errors.New(text)
	case '+', ':':
		return text, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return "", err
	}
	if kind == '$' {
		value := make([]byte, n+2)
		_, err := io.ReadFull(r, value)
		return string(value[:n]), err
	}
	elements := make([]string, n)
	for i := range elements {
		if elements[i], err = readAnswer(r); err != nil {
			return "", err
		}
	}
	return strings.Join(elements, "\n"), nil
}
