package cohortctl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
)

// Format is what bringing catalogues into one form can be told.
type Format struct {
	Files []string `arg:"" name:"file" help:"Catalogues (YAML). They are written anew where that changes something."`
	Check bool     `help:"Write nothing: tell which files would change, and exit with 1 if there are some."`
}

// ErrUnformatted says that files are not in the one form, which was told already.
var ErrUnformatted = errors.New("catalogues are not in the one form: run cohortctl fmt")

// Run names every file that changes on the standard output.
func (f *Format) Run(to Streams) error {
	var result error
	for _, path := range f.Files {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the catalogue: %w", err)
		}
		formed, err := catalogue.Format(text)
		if faults, ok := errors.AsType[*catalogue.Error](err); ok {
			for i := range faults.Faults {
				faults.Faults[i].File = path
			}
			return faults
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if bytes.Equal(text, formed) {
			continue
		}
		if _, err := fmt.Fprintln(to.Out, path); err != nil {
			return err
		}
		if f.Check {
			result = ErrUnformatted
			continue
		}
		if err := writeFile(path, func(w io.Writer) error {
			_, err := w.Write(formed)
			return err
		}); err != nil {
			return err
		}
	}
	return result
}
