package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	grafanaconfig "github.com/grafana/grafana-plugin-sdk-go/config"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
)

// signedService is the name of Amazon Managed Service for Prometheus in its signatures.
const signedService = "aps"

// What Grafana passes on of the section aws of grafana.ini: how data sources may sign.
const (
	allowedProviders  = "AWS_AUTH_AllowedAuthProviders"
	assumeRoleEnabled = "AWS_AUTH_AssumeRoleEnabled"
)

// The ways to find credentials, as Grafana's settings name them. The last three are the server's own.
const (
	byKeys    = "keys"
	byDefault = "default"
	byProfile = "credentials"
	byEC2Role = "ec2_iam_role"
)

// allowedUnlessSaid are Grafana's defaults of allowed_auth_providers.
var allowedUnlessSaid = []string{byDefault, byKeys, byProfile}

// amazon signs requests with the credentials that a data source's HTTP settings describe.
type amazon struct {
	settings httpclient.SigV4Config
	signer   *signer.Signer
	// found holds the credentials, nil until they have been looked for with success; who holds it may look for them.
	found chan aws.CredentialsProvider
	// secrets takes the credentials, which may be the server's own or valid for a while.
	secrets *redact.Redactor
}

// withSignature signs every request. Nothing is asked for before the first.
func withSignature(s httpclient.SigV4Config, secrets *redact.Redactor) (httpclient.Middleware, error) {
	if s.Region == "" {
		return nil, errors.New("the AWS region is missing, which every signature names: choose the region of the workspace")
	}
	a := &amazon{settings: s, signer: signer.NewSigner(), found: make(chan aws.CredentialsProvider, 1), secrets: secrets}
	a.found <- nil
	return httpclient.NamedMiddlewareFunc("aws-signature", func(_ httpclient.Options, next http.RoundTripper) http.RoundTripper {
		return httpclient.RoundTripperFunc(func(request *http.Request) (*http.Response, error) {
			signed, err := a.sign(request)
			if err != nil {
				return nil, err
			}
			return next.RoundTrip(signed)
		})
	}), nil
}

func (a *amazon) sign(request *http.Request) (*http.Request, error) {
	ctx := request.Context()
	if err := a.allowed(ctx); err != nil {
		return nil, err
	}
	found, err := a.credentials(ctx)
	if err != nil {
		return nil, a.none(request, err)
	}
	a.secrets.AddTemporary(found.SecretAccessKey)
	a.secrets.AddTemporary(found.SessionToken)
	hash, err := bodyHash(request)
	if err != nil {
		return nil, err
	}
	signed := request.Clone(ctx)
	// Proxies may change headers, so none but those of the signature itself are signed.
	others := signed.Header
	signed.Header = http.Header{}
	if err := a.signer.SignHTTP(ctx, found, signed, hash, signedService, a.settings.Region, time.Now()); err != nil {
		return nil, a.none(request, err)
	}
	for name, values := range others {
		if name != "Authorization" {
			signed.Header[name] = values
		}
	}
	return signed, nil
}

// allowed asks what Grafana's administrator lets data sources do.
func (a *amazon) allowed(ctx context.Context) error {
	grafana := grafanaconfig.GrafanaConfigFromContext(ctx)
	allowed := allowedUnlessSaid
	if said := grafana.Get(allowedProviders); said != "" {
		allowed = strings.Split(strings.ReplaceAll(said, " ", ""), ",")
	}
	if way := a.way(); !slices.Contains(allowed, way) {
		return &Error{Problem: IdentityFailed, Sentence: fmt.Sprintf("Grafana does not allow data sources the AWS authentication %q. Choose another one (%s), or let "+
			"the administrator add it to allowed_auth_providers in the section aws of grafana.ini.", way, strings.Join(allowed, ", "))}
	}
	if a.settings.AssumeRoleARN != "" && grafana.Get(assumeRoleEnabled) == "false" {
		return &Error{Problem: IdentityFailed, Sentence: "Grafana does not allow data sources to assume an AWS role. Leave the role empty, or let the administrator set " +
			"assume_role_enabled in the section aws of grafana.ini."}
	}
	return nil
}

func (a *amazon) way() string {
	if a.settings.AuthType == "" {
		return byDefault
	}
	return a.settings.AuthType
}

// credentials are kept until they expire.
func (a *amazon) credentials(ctx context.Context) (aws.Credentials, error) {
	var provider aws.CredentialsProvider
	select {
	case provider = <-a.found:
	case <-ctx.Done():
		return aws.Credentials{}, context.Cause(ctx)
	}
	if provider == nil {
		found, err := a.find(ctx)
		if err != nil {
			a.found <- nil
			return aws.Credentials{}, err
		}
		provider = found
	}
	a.found <- provider
	return provider.Retrieve(ctx)
}

func (a *amazon) find(ctx context.Context) (aws.CredentialsProvider, error) {
	s := a.settings
	loaded := aws.Config{Region: s.Region}
	switch a.way() {
	case byKeys:
		loaded.Credentials = credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, s.SessionToken)
	case byEC2Role:
		loaded.Credentials = ec2rolecreds.New()
	case byDefault, byProfile:
		options := []func(*config.LoadOptions) error{config.WithRegion(s.Region)}
		if a.way() == byProfile {
			options = append(options, config.WithSharedConfigProfile(s.Profile))
		}
		var err error
		if loaded, err = config.LoadDefaultConfig(ctx, options...); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("the authentication %q is not known here; choose keys, credentials, default or ec2_iam_role", s.AuthType)
	}
	if s.AssumeRoleARN != "" {
		loaded.Credentials = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(loaded), s.AssumeRoleARN, func(o *stscreds.AssumeRoleOptions) {
			if s.ExternalID != "" {
				o.ExternalID = aws.String(s.ExternalID)
			}
		})
	}
	return aws.NewCredentialsCache(loaded.Credentials), nil
}

// none says why a request cannot be signed. AWS's words name roles and request ids, and no secret.
func (a *amazon) none(request *http.Request, err error) error {
	if ctx := request.Context(); ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &Error{Problem: IdentityFailed, cause: err, Sentence: fmt.Sprintf("The request to %s cannot be signed for AWS: %s. Check the authentication (%s) in the data "+
		"source's settings.", request.URL.Host, tidy(a.secrets.Text(err.Error())), a.way())}
}

func bodyHash(request *http.Request) (string, error) {
	hash := sha256.New()
	if request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return "", err
		}
		defer func() { _ = body.Close() }()
		if _, err := io.Copy(hash, body); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
