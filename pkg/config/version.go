package config

import "runtime/debug"

// version is set at link time: -ldflags "-X .../pkg/config.version=v1.2.3".
var version string

// Version is what the release process linked in, else the revision that the Go tool
// recorded, else "dev".
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return "dev-" + s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return "dev"
}
