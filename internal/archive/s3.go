package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// bucket is a [Store] on S3.
type bucket struct {
	client       *s3.Client
	name, prefix string
}

func openS3(ctx context.Context, name, prefix string) (Store, error) {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("open archive s3://%s: %w", name, err)
	}
	client := s3.NewFromConfig(settings, func(o *s3.Options) {
		// An endpoint of one's own is an address, of which no bucket is a subdomain.
		o.UsePathStyle = settings.BaseEndpoint != nil
	})
	return bucket{client, name, prefix}, nil
}

func (b bucket) key(key string) *string {
	if b.prefix == "" {
		return aws.String(key)
	}
	return aws.String(b.prefix + "/" + key)
}

// Put implements [Store].
func (b bucket) Put(ctx context.Context, key string, body []byte) error {
	return b.put(ctx, key, body, nil)
}

// Create implements [Store] by S3's conditional write (If-None-Match: *).
func (b bucket) Create(ctx context.Context, key string, body []byte) error {
	err := b.put(ctx, key, body, aws.String("*"))
	var refusal smithy.APIError
	// A conflict is another conditional write of the key under way.
	if errors.As(err, &refusal) && (refusal.ErrorCode() == "PreconditionFailed" || refusal.ErrorCode() == "ConditionalRequestConflict") {
		return fmt.Errorf("create %s: %w", key, ErrExists)
	}
	return err
}

func (b bucket) put(ctx context.Context, key string, body []byte, ifNoneMatch *string) error {
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: b.key(key), Body: bytes.NewReader(body), IfNoneMatch: ifNoneMatch,
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	return b.explain("write", key, err)
}

// Get implements [Store].
func (b bucket) Get(ctx context.Context, key string) ([]byte, error) {
	object, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: b.key(key)})
	var missing *types.NoSuchKey
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("read s3://%s/%s: %w", b.name, *b.key(key), ErrNotFound)
	}
	if err != nil {
		return nil, b.explain("read", key, err)
	}
	defer object.Body.Close()
	body, err := io.ReadAll(object.Body)
	return body, b.explain("read", key, err)
}

// List implements [Store].
func (b bucket) List(ctx context.Context, prefix, after string) ([]string, error) {
	input := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: b.key(prefix)}
	if after != "" {
		input.StartAfter = b.key(after)
	}
	var keys []string
	pages := s3.NewListObjectsV2Paginator(b.client, input)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.explain("list", prefix, err)
		}
		for _, object := range page.Contents {
			keys = append(keys, strings.TrimPrefix(strings.TrimPrefix(aws.ToString(object.Key), b.prefix), "/"))
		}
	}
	return keys, nil
}

// Delete implements [Store].
func (b bucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: b.key(key)})
	return b.explain("delete", key, err)
}

func (b bucket) explain(verb, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s s3://%s: %w", verb, path.Join(b.name, b.prefix, key), err)
}
