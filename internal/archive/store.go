package archive

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Store is object storage, as much of it as the archive needs. Keys are relative to
// the archive's address.
type Store interface {
	// Put writes an object, in the place of one of that key.
	Put(ctx context.Context, key string, body []byte) error
	// Create writes an object where there is none: [ErrExists] otherwise, whoever
	// wrote first.
	Create(ctx context.Context, key string, body []byte) error
	// Get reads an object: [ErrNotFound] where there is none.
	Get(ctx context.Context, key string) ([]byte, error)
	// List returns the keys that begin with prefix and sort behind after, in order.
	List(ctx context.Context, prefix, after string) ([]string, error)
	// Delete removes an object. That there is none is no error.
	Delete(ctx context.Context, key string) error
}

// Errors of a [Store].
var (
	ErrExists   = errors.New("the object exists")
	ErrNotFound = errors.New("there is no such object")
)

// Open returns the store at an address: s3://bucket/prefix, with credentials,
// region and endpoint as the AWS SDK finds them, or file:///directory. It does not
// connect.
func Open(ctx context.Context, address string) (Store, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open archive: %w", err)
	case u.Scheme == "s3" && u.Host != "":
		return openS3(ctx, u.Host, strings.Trim(u.Path, "/"))
	case u.Scheme == "file" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return directory(u.Path), nil
	default:
		return nil, fmt.Errorf("open archive %q: write it as s3://bucket/prefix or file:///directory", address)
	}
}
