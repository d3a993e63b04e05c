package config

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/s3store"
)

func (p place) openS3(ctx context.Context) (storage.Store, error) {
	c := newConnections()
	client, err := p.s3Client(ctx, c)
	if err != nil {
		return nil, err
	}
	s, err := s3store.Open(ctx, client, p.region.Bucket, &s3store.Options{Prefix: p.region.Prefix})
	if err != nil {
		c.CloseIdleConnections()
		return nil, err
	}
	return &store{s, c}, nil
}

func (p place) s3Client(ctx context.Context, c *connections) (*s3.Client, error) {
	keys := &secret{dir: p.secrets, names: []string{p.files.access, p.files.secret}}
	mounted, err := p.mounted(keys)
	if err != nil {
		return nil, err
	}
	var cfg aws.Config
	if mounted {
		if _, _, err := keys.current(); err != nil {
			return nil, p.badKey(err)
		}
		cfg = aws.Config{Region: p.region.BucketRegion, Credentials: &rotatingPair{keys}}
	} else {
		if cfg, err = awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(p.region.BucketRegion)); err != nil {
			return nil, &FieldError{Field: p.field, Problem: "no key is mounted, and the default chain of AWS cannot be set up", Err: errors.New("see the AWS configuration of the pod")}
		}
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.HTTPClient = c
		o.UsePathStyle = p.region.PathStyle
		if p.region.Endpoint != "" {
			o.BaseEndpoint = &p.region.Endpoint
		}
		if mounted {
			o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
				return stack.Finalize.Add(&resigning{keys}, middleware.Before)
			})
		}
	}), nil
}

// rotatingPair is the pair of keys that is on disk.
type rotatingPair struct{ keys *secret }

// Retrieve implements [aws.CredentialsProvider].
func (p *rotatingPair) Retrieve(context.Context) (aws.Credentials, error) {
	values, _, err := p.keys.current()
	if err != nil {
		return aws.Credentials{}, err
	}
	return aws.Credentials{AccessKeyID: values[0], SecretAccessKey: values[1], Source: "mounted secret"}, nil
}

// resigning sends a request once more that was refused, if the keys have changed since it was signed.
type resigning struct{ keys *secret }

// ID implements [middleware.FinalizeMiddleware].
func (*resigning) ID() string { return "VoicemailResigning" }

// HandleFinalize implements [middleware.FinalizeMiddleware], around the SDK's retries and its signing.
func (r *resigning) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	_, version, err := r.keys.current()
	if err != nil {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, err
	}
	out, meta, err := next.HandleFinalize(ctx, in)
	var refused *smithyhttp.ResponseError
	if err == nil || !errors.As(err, &refused) || !isRefusal(refused.HTTPStatusCode()) || !r.keys.changedSince(version) {
		return out, meta, err
	}
	if q, ok := in.Request.(*smithyhttp.Request); ok {
		if err := q.RewindStream(); err != nil {
			return out, meta, err
		}
	}
	return next.HandleFinalize(ctx, in)
}
