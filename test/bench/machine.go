package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machineInfo says where a figure was measured and how busy it was there already.
type machineInfo struct {
	Cores int    `json:"cores"`
	CPU   string `json:"cpu,omitempty"`
	Load1 string `json:"load_1m_before,omitempty"`
	Go    string `json:"go"`
}

// machine reads what Linux tells of itself; elsewhere those fields stay empty.
func machine() machineInfo {
	m := machineInfo{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load1, _, _ = strings.Cut(string(text), " ")
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

// cpuUse is CPU time per second of wall time: 1 is one core kept busy.
type cpuUse struct {
	Pipeline float64 `json:"pipeline_cores"`  // the process under test; 0 = not known
	Stores   float64 `json:"stores_cores"`    // Kafka and Redis where they are processes of their own
	Bench    float64 `json:"generator_cores"` // this process
	Machine  float64 `json:"machine_cores"`   // everything, the two above included; 0 = not known
}

// Others is what the machine did besides: 0 on a quiet one.
func (u cpuUse) Others() float64 { return max(0, u.Machine-u.Pipeline-u.Stores-u.Bench) }

type cpuMeter struct {
	target                           target
	begun                            time.Time
	pipeline, stores, bench, machine time.Duration
}

func startCPU(t target) *cpuMeter {
	m := &cpuMeter{target: t, begun: time.Now()}
	m.pipeline, m.stores, m.bench, m.machine = m.now()
	return m
}

func (m *cpuMeter) now() (pipeline, stores, bench, machine time.Duration) {
	for _, pid := range m.target.Stores {
		stores += processCPU(pid)
	}
	return processCPU(m.target.PID), stores, ownCPU(), machineCPU()
}

func (m *cpuMeter) stop() cpuUse {
	if m == nil {
		return cpuUse{}
	}
	wall := time.Since(m.begun).Seconds()
	pipeline, stores, bench, machine := m.now()
	return cpuUse{
		Pipeline: (pipeline - m.pipeline).Seconds() / wall,
		Stores:   (stores - m.stores).Seconds() / wall,
		Bench:    (bench - m.bench).Seconds() / wall,
		Machine:  (machine - m.machine).Seconds() / wall,
	}
}

// tick is the unit of /proc's CPU times on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// processCPU is the CPU time of a process, user and system; 0 where it cannot be told.
func processCPU(pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(text), ") ") // the name before it may hold blanks
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0
	}
	return ticks(fields[11:13])
}

// machineCPU is the CPU time that was not idle, over all cores.
func machineCPU() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 {
		return 0
	}
	return ticks(fields[1:4]) + ticks(fields[6:9]) // without idle and waiting for disks
}

func ticks(fields []string) (sum time.Duration) {
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		sum += time.Duration(n) * tick
	}
	return sum
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
