package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"
)

// AWS says whose AWS credentials sign an AWS_MSK_IAM log-in. The zero value is the
// AWS SDK's own order: AWS_* variables, the shared files with AWS_PROFILE, a web
// identity, a container's role, an instance's role. The region is that of the
// broker's name, else AWS_REGION.
type AWS struct {
	AccessKey    string
	SecretKey    string
	SessionToken string // of temporary keys
	Profile      string // of the shared files, instead of AWS_PROFILE
}

// mechanism returns the mechanism. It looks for credentials when a connection
// needs them, and again before they expire.
func (a AWS) mechanism() (sasl.Mechanism, error) {
	if (a.AccessKey == "") != (a.SecretKey == "") {
		return nil, errors.New("SASL AWS_MSK_IAM needs both an access key and a secret key, or neither")
	}
	if a.AccessKey == "" && a.SessionToken != "" {
		return nil, errors.New("SASL AWS_MSK_IAM has a session token without the keys that it goes with")
	}
	if a.AccessKey != "" {
		return aws.Auth{AccessKey: a.AccessKey, SecretKey: a.SecretKey, SessionToken: a.SessionToken}.AsManagedStreamingIAMMechanism(), nil
	}
	provider := sync.OnceValues(a.provider)
	return aws.ManagedStreamingIAM(func(ctx context.Context) (aws.Auth, error) {
		source, err := provider()
		if err != nil {
			return aws.Auth{}, &awsError{err}
		}
		found, err := source.Retrieve(ctx)
		if err != nil {
			return aws.Auth{}, &awsError{err}
		}
		return aws.Auth{AccessKey: found.AccessKeyID, SecretKey: found.SecretAccessKey, SessionToken: found.SessionToken}, nil
	}), nil
}

// provider finds where credentials come from. It reads files, and asks nobody yet.
func (a AWS) provider() (awssdk.CredentialsProvider, error) {
	var opts []func(*config.LoadOptions) error
	if a.Profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(a.Profile))
	}
	loaded, err := config.LoadDefaultConfig(context.Background(), opts...)
	if err != nil {
		return nil, err
	}
	return loaded.Credentials, nil
}

// awsError says that no AWS credentials were found.
type awsError struct{ cause error }

func (e *awsError) Error() string { return fmt.Sprintf("find AWS credentials: %s", e.cause) }

func (e *awsError) Unwrap() error { return e.cause }
