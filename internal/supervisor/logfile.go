package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// logFile is an append-only file that keeps one predecessor: when it would grow
// past max bytes it is renamed to <path>.1 and started anew.
type logFile struct {
	path string
	max  int64

	mu   sync.Mutex
	file *os.File
	size int64
}

func openLog(path string, maxBytes int64) (*logFile, error) {
	l := &logFile{path: path, max: maxBytes}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return l, l.open()
}

func (l *logFile) open() error {
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open log: %w", err), file.Close())
	}
	l.file, l.size = file, info.Size()
	return nil
}

// Write implements [io.Writer]. A task is never stopped by its log: what cannot
// be written is dropped.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil && l.size+int64(len(p)) > l.max {
		l.rotate()
	}
	if l.file != nil {
		n, _ := l.file.Write(p)
		l.size += int64(n)
	}
	return len(p), nil
}

func (l *logFile) rotate() {
	_ = l.file.Close()
	l.file = nil
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		return
	}
	_ = l.open()
}

// Close closes the file; later writes are dropped.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// lastLines returns at most n lines from the end of the file, and nothing when
// there is no file.
func lastLines(path string, n int) (string, error) {
	const window = 64 << 10
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	start := max(0, info.Size()-window)
	text, err := io.ReadAll(io.NewSectionReader(file, start, window))
	if err != nil {
		return "", err
	}
	lines := bytes.SplitAfter(bytes.TrimRight(text, "\n"), []byte("\n"))
	if start > 0 && len(lines) > 1 {
		lines = lines[1:] // the first is cut off
	}
	lines = lines[max(0, len(lines)-n):]
	return string(bytes.Join(lines, nil)), nil
}
